"""Packages that come as source: building one runs its code, so uv does that apart from everything else, or not at all.

First uv is run with builds switched off, in which case no code of a package runs. Only where it says that something is
to be built it is run once more, by a *builder* that confines it, with a home and a cache of its own.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from weft.errors import EnvironmentFailed
from weft.packages.durable import NEW, remove_tree, write_whole
from weft.packages.interpreters import Interpreter
from weft.packages.places import TakenIn, configured, copy_folder, take_in
from weft.packages.programs import Finished
from weft.packages.uv import NEUTRAL, Uv, explanation, tell_what_matters, without_credentials
from weft.types import Progress

_NOT_BUILT = re.compile(
    r"building (?:source distributions|from source)\b[^\n]*\bis disabled\b|is marked as `--no-build`", re.IGNORECASE
)
_WHICH = (
    re.compile(r"[Bb]uilding source distributions for `([^`\n]+)` is disabled"),
    re.compile(r"attempted to build `([^`\n]+)`"),
    re.compile(r"Wheels are required for `([^`\n]+)`"),
    re.compile(r"Package `([^`\n]+)` can't be installed because it is marked as `--no-build`"),
)
"""How uv names what it was not allowed to build."""
_SECRET = re.compile(r"UV_\w*(PASSWORD|USERNAME|TOKEN|SECRET|CREDENTIAL|KEY)\w*|PIP_(PROXY_)?(AUTH|CERT|CLIENT_CERT)")
_OF_ITS_OWN = re.compile(r"HOME|TMPDIR|XDG_\w+|NETRC|UV_CACHE_DIR|UV_NO_CACHE|UV_CONFIG_FILE|UV_NO_BUILD\w*")
"""Variables that name a place of the server's user."""
_AT_ONCE = 4
"""Builds; they have turns of their own, so that what takes long in one holds up nobody who has wheels."""
_REMEDY = 'with `builds = "confined"` in the settings such packages are built, or name versions that have wheels'


@dataclass(frozen=True, kw_only=True)
class Build:
    """One run of uv that builds packages for ``plugin``, and all that it may touch besides the system."""

    plugin: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    folder: Path
    """Where it runs."""
    home: Path
    """Its own, and gone afterwards; programs may be run from there."""
    interpreter: Path
    """The Python that it builds for."""
    read: tuple[Path, ...]
    write: tuple[Path, ...]
    state: Path
    """The server's: nothing that has this in it is to be readable."""
    deadline: float
    """Seconds."""


Builder = Callable[[Build, Progress], Awaitable[Finished]]
"""Runs a build to its end, confined, and leaves nothing of it. Raises TimeoutError, OSError, EnvironmentFailed."""
Builders = Builder | Literal["refused", "unconfined"]


@dataclass(frozen=True)
class Ran:
    """What uv printed, and whether code of packages may have had a hand in it."""

    output: str
    built: bool = False


class Builds:
    """Runs uv where packages may have to be built.

    ``root``: the folder for what a build needs while it runs. ``state``: the server's.
    """

    def __init__(self, root: Path, uv: Uv, builder: Builders, *, state: Path) -> None:
        self._root = root
        self._uv = uv
        self._builder = builder
        self._state = state
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def run(
        self,
        *arguments: str | Path,
        plugin: str,
        purpose: str,
        interpreter: Interpreter,
        packages: str,
        listed: Path | None = None,
        cwd: Path = NEUTRAL,
        write: Sequence[Path] = (),
        if_built: Sequence[str] = (),
        holding: Sequence[int] = (),
        progress: Progress,
    ) -> Ran:
        """``uv ARGUMENTS PACKAGES`` for ``interpreter``: ``packages`` is the text of a file, ``listed`` its path.

        ``write``: folders that a build may write. ``if_built``: arguments that are added where it is one. Raises
        EnvironmentFailed as Uv.run does, and where something would have to be built and may not.
        """
        builder = self._builder
        ordinary = partial(
            self._uv.run, *arguments, purpose=purpose, given="" if listed else packages, cwd=cwd, holding=holding,
            progress=progress,
        )  # fmt: skip
        if builder == "unconfined":
            return Ran(await ordinary(listed or "-"))
        try:
            return Ran(await ordinary("--no-build", listed or "-"))
        except EnvironmentFailed as error:
            if not (names := to_be_built(error.explanation)):
                raise
            if builder == "refused":
                message = f"{purpose}: {names} would have to be built from source, which is refused here; {_REMEDY}"
                raise EnvironmentFailed(message, error.explanation) from error
        progress(f"building from source: {names}")
        order = _Order((*arguments, *if_built), plugin, interpreter, packages, listed, cwd, tuple(write))

        async def attempt() -> tuple[Finished, TakenIn]:
            async with _room(self._root) as home:
                build, taken = await asyncio.to_thread(self._prepared, home, order)
                return await builder(build, lambda line: tell_what_matters(progress, taken.back(line))), taken

        async with self._turns:
            done, taken = await self._uv.guarded(attempt, purpose)
        if done.code:
            message = f"{purpose}, built in a sandbox (see `builds` in the settings where it needs more), uv says:"
            raise EnvironmentFailed(message, taken.back(explanation(done)))
        return Ran(taken.back(done.output), built=True)

    def _prepared(self, home: Path, order: _Order) -> tuple[Build, TakenIn]:
        """What is to run in ``home``, with all that it needs copied there."""
        taken = take_in(order.packages, home / "sources", besides=self._state)
        folder = home / "folder"
        if order.cwd == NEUTRAL:
            folder.mkdir()
        else:
            copy_folder(order.cwd, folder, besides=self._state)
        given = folder / (order.listed.name if order.listed else "requirements.in")
        write_whole(given, taken.text.encode())  # in place of whatever link is there
        configuration = configured(self._uv.environ, home)
        build = Build(
            plugin=order.plugin,
            command=self._uv.command(*order.arguments, given),
            variables={**bounded(self._uv.environ), **configuration.variables, "UV_CACHE_DIR": str(home / "cache")},
            folder=folder,
            home=home,
            interpreter=order.interpreter.path,
            read=(*configuration.places, *taken.read),
            write=order.write,
            state=self._state,
            deadline=self._uv.deadline,
        )
        return build, taken


@dataclass(frozen=True)
class _Order:
    """See Builds.run."""

    arguments: tuple[str | Path, ...]
    plugin: str
    interpreter: Interpreter
    packages: str
    listed: Path | None
    cwd: Path
    write: tuple[Path, ...]


@asynccontextmanager
async def _room(root: Path) -> AsyncIterator[Path]:
    """A folder for one build, and gone with it."""
    folder = await asyncio.to_thread(_new_folder, root)
    try:
        yield folder
    finally:
        await asyncio.to_thread(remove_tree, folder)


def _new_folder(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=NEW, dir=root)).resolve()


def to_be_built(said: str) -> str:
    """Which packages uv was not allowed to build, by what it said; '' where that was not its trouble."""
    if not _NOT_BUILT.search(said):
        return ""
    return ", ".join(dict.fromkeys(name for form in _WHICH for name in form.findall(said))) or "a package"


def bounded(environ: Mapping[str, str]) -> dict[str, str]:
    """What of uv's variables a build gets: nothing that is secret, and nothing that leads to the server's user."""
    return {
        key: without_credentials(value)
        for key, value in environ.items()
        if not _SECRET.fullmatch(key) and not _OF_ITS_OWN.fullmatch(key)
    }
