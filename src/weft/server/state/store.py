"""The store: which plugins there are, in which release each is, and what happened.

Synchronous; the server calls it through ``asyncio.to_thread``. One method is one transaction: whole, or not at all,
and on the disk when it returns. Every method raises StorageFailed when the disk or the database fails.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

from msgspec import Struct, to_builtins
from sqlalchemy import Engine, create_engine, delete, func, select, update
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.orm import Session, sessionmaker

from weft.errors import UnknownPlugin, UsageError
from weft.server.state.failures import storing
from weft.server.state.migrate import migrate
from weft.server.state.tables import EventRow, PluginRow, PurgeRow, ReleaseRow
from weft.types import Event

MAX_EVENTS = 10_000
"""Events kept; the oldest go first."""


Standing = Literal["new", "settled", "failed"]
"""How a release has fared: it has not shown it yet, it has served well for a while, or it failed before that."""


class Settings(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a deployment was given beside its files: kept over versions, never shown or logged."""

    config: dict[str, Any] = {}
    env: dict[str, str] = {}
    domains: tuple[str, ...] | None = None
    """None: those of the manifest."""
    rollback: Literal["manual", "auto"] | None = None
    """None: what the operator says, else the manifest."""

    def __repr__(self) -> str:
        return f"Settings(config={sorted(self.config)}, env={sorted(self.env)}, domains={self.domains})"


class NewRelease(Struct, frozen=True, kw_only=True):
    """A release to be stored."""

    number: int
    version: str
    digest: str
    settings: Settings = Settings()


class StoredRelease(NewRelease, frozen=True, kw_only=True):
    """A release as stored; ``created`` in seconds since the epoch."""

    created: float
    standing: Standing = "new"


class StoredPlugin(Struct, frozen=True, kw_only=True):
    """A deployed plugin, with its current release.

    ``over``: the digest of the files named by the operator in whose place it serves. ``kept``: False as long as those
    files themselves serve, of which nothing is stored.
    """

    name: str
    enabled: bool
    grants: tuple[str, ...]
    current: StoredRelease
    over: str = ""
    kept: bool = True


class Store:
    """STATE/weft.db: SQLite, mode 0600, write-ahead log, every commit on the disk when it returns."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._engine: Engine = create_engine(f"sqlite:///{path}")
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        sqlalchemy_event.listen(self._engine, "connect", _configure)

    def open(self) -> None:
        """Make the file if there is none, and bring its tables to this version's form."""
        with storing("open the server's state", self._path):
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            self._path.chmod(0o600)
            migrate(self._engine)

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, what: str) -> Iterator[Session]:
        with storing(what, self._path), self._sessions.begin() as session:
            yield session

    # --- plugins and releases ---------------------------------------------------------------------------------------

    def plugins(self) -> list[StoredPlugin]:
        """Every deployed plugin, by name."""
        with self._transaction("read the plugins") as session:
            return [_plugin(session, row) for row in session.scalars(select(PluginRow).order_by(PluginRow.name))]

    def plugin(self, name: str) -> StoredPlugin | None:
        """One deployed plugin, or None."""
        with self._transaction(f"read plugin {name}") as session:
            row = session.get(PluginRow, name)
            return _plugin(session, row) if row else None

    def releases(self, name: str) -> list[StoredRelease]:
        """The kept releases of a plugin, oldest first."""
        with self._transaction(f"read the releases of {name}") as session:
            return [_release(row) for row in _releases(session, name)]

    def next_number(self, name: str) -> int:
        """The number of the plugin's next release: 1 for a new one."""
        with self._transaction(f"read the releases of {name}") as session:
            return 1 + (session.scalar(select(func.max(ReleaseRow.number)).where(ReleaseRow.plugin == name)) or 0)

    def digests(self) -> set[str]:
        """The digests of every kept release."""
        with self._transaction("read the releases") as session:
            return set(session.scalars(select(ReleaseRow.digest)))

    def commit_release(
        self, name: str, release: NewRelease, *, grants: Sequence[str], before: StoredPlugin | None = None
    ) -> StoredRelease:
        """Store ``release`` and make it the plugin's current one, enabled; ``before`` too where it was not kept."""
        with self._transaction(f"store release {name}#{release.number}") as session:
            row = session.get(PluginRow, name) or PluginRow(name=name)
            row.enabled, row.current, row.grants = True, release.number, list(grants)
            row.over = before.over if before else ""
            session.add(row)
            session.flush()
            if before is not None and not before.kept:
                session.add(_new_row(name, before.current, before.current.created))
            stored = _new_row(name, release, self._clock())
            session.add(stored)
            session.execute(delete(PurgeRow).where(PurgeRow.plugin == name))
            return _release(stored)

    def make_current(self, name: str, number: int) -> None:
        """Make a kept release the current one, enabled. Raises UsageError when it is not kept."""
        with self._transaction(f"make {name}#{number} current") as session:
            kept = [row.number for row in _releases(session, name)]
            if number not in kept:
                raise UsageError(f"{name} has no release {number}: kept are {', '.join(map(str, kept)) or 'none'}")
            row = _required(session, name)
            row.current, row.enabled = number, True

    def confirm(self, name: str, *, grants: Sequence[str]) -> None:
        """The current release was deployed once more: enabled, with these grants."""
        with self._transaction(f"change plugin {name}") as session:
            row = _required(session, name)
            row.enabled, row.grants = True, list(grants)

    def set_standing(self, name: str, number: int, standing: Standing) -> None:
        """How a release has fared; nothing to do where it is not kept."""
        with self._transaction(f"remember how {name}#{number} fared") as session:
            of = (ReleaseRow.plugin == name, ReleaseRow.number == number)
            session.execute(update(ReleaseRow).where(*of).values(standing=standing))

    def set_enabled(self, name: str, *, enabled: bool) -> None:
        """Whether the plugin is started with the server."""
        with self._transaction(f"change plugin {name}") as session:
            _required(session, name).enabled = enabled

    def set_grants(self, name: str, grants: Sequence[str], *, enabled: bool) -> None:
        """Replace what the plugin may have beyond the policy, and say whether it still runs with the server."""
        with self._transaction(f"change the grants of {name}") as session:
            row = _required(session, name)
            row.grants, row.enabled = list(grants), enabled

    def remove(self, name: str, *, purge: bool = False) -> None:
        """Forget the plugin and all its releases. ``purge``: its data is to go, which ``purges`` tells until it has."""
        with self._transaction(f"remove plugin {name}") as session:
            session.delete(_required(session, name))
            if purge:
                session.merge(PurgeRow(plugin=name))

    def purges(self) -> set[str]:
        """The removed plugins whose data is still to go."""
        with self._transaction("read what is to be purged") as session:
            return set(session.scalars(select(PurgeRow.plugin)))

    def purged(self, name: str) -> None:
        """The plugin's data has gone."""
        with self._transaction(f"note that the data of {name} has gone") as session:
            session.execute(delete(PurgeRow).where(PurgeRow.plugin == name))

    def prune(self, name: str, *, keep: int) -> list[int]:
        """Forget all but the newest ``keep`` releases, the current one, and the last before it that has not failed.

        Returns the numbers of those that are forgotten.
        """
        with self._transaction(f"prune the releases of {name}") as session:
            current = _required(session, name).current
            rows = list(_releases(session, name))
            before = [row.number for row in rows if row.number < current and row.standing != "failed"][-1:]
            newest = [row.number for row in rows][-max(keep, 1) :]
            old = [row for row in rows if row.number not in {current, *before, *newest}]
            for row in old:
                session.delete(row)
            return [row.number for row in old]

    # --- events -----------------------------------------------------------------------------------------------------

    def add_events(self, events: Sequence[Event]) -> None:
        """Remember what happened; the newest 10,000 are kept."""
        with self._transaction("store events") as session:
            session.add_all(EventRow(**to_builtins(each)) for each in events)
            session.flush()
            newest = session.scalar(select(func.max(EventRow.id))) or 0
            session.execute(delete(EventRow).where(EventRow.id <= newest - MAX_EVENTS))

    def events(self, *, limit: int = 1000) -> list[Event]:
        """The newest ``limit`` events, oldest first."""
        with self._transaction("read events") as session:
            rows = session.scalars(select(EventRow).order_by(EventRow.id.desc()).limit(limit)).all()
            return [Event(row.time, row.plugin, row.kind, row.message, row.data) for row in reversed(rows)]


def _configure(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _required(session: Session, name: str) -> PluginRow:
    row = session.get(PluginRow, name)
    if row is None:
        raise UnknownPlugin(f"no plugin {name} is deployed")
    return row


def _releases(session: Session, name: str) -> Sequence[ReleaseRow]:
    return session.scalars(select(ReleaseRow).where(ReleaseRow.plugin == name).order_by(ReleaseRow.number)).all()


def _plugin(session: Session, row: PluginRow) -> StoredPlugin:
    wanted = select(ReleaseRow).where(ReleaseRow.plugin == row.name, ReleaseRow.number == row.current)
    current = _release(session.scalars(wanted).one())
    return StoredPlugin(name=row.name, enabled=row.enabled, grants=tuple(row.grants), current=current, over=row.over)


def _new_row(name: str, release: NewRelease, now: float) -> ReleaseRow:
    return ReleaseRow(
        plugin=name,
        number=release.number,
        version=release.version,
        digest=release.digest,
        settings=to_builtins(release.settings),
        created=now,
        standing="new",
    )


def _release(row: ReleaseRow) -> StoredRelease:
    domains = row.settings.get("domains")
    return StoredRelease(
        number=row.number,
        version=row.version,
        digest=row.digest,
        settings=Settings(
            config=row.settings.get("config", {}),
            env=row.settings.get("env", {}),
            domains=None if domains is None else tuple(domains),
            rollback=row.settings.get("rollback"),
        ),
        created=row.created,
        standing=cast("Standing", row.standing),
    )
