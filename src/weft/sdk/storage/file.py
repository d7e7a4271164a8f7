"""The backend ``file``: entries in one SQLite file, which several processes may share, and which outlives them all."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import deque
from contextlib import contextmanager
from itertools import count
from typing import Any, Deque, Iterator, Mapping, Optional, Tuple

from weft.contracts.storage import Entry, NoRoom, NotFound, Statistics, Unreachable, check_entry
from weft.sdk.storage import settings
from weft.sdk.storage.backend import Backend, moment

TIMEOUT = 5.0
"""Seconds to wait for another process that writes."""
_RETRY = 0.01
"""Seconds until a file that others make as well is looked at again."""
PURGE_EVERY = 256
"""Writes after which entries whose time is over give back their room."""
_PAGE = 4096
_SCHEMA = f"""
PRAGMA page_size = {_PAGE};
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS entries (
    category BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, expires REAL, PRIMARY KEY (category, key)
);
CREATE TABLE IF NOT EXISTS leases (
    category BLOB NOT NULL, key BLOB NOT NULL, holder BLOB NOT NULL, ends REAL NOT NULL, PRIMARY KEY (category, key)
);
CREATE INDEX IF NOT EXISTS by_end ON entries (expires) WHERE expires IS NOT NULL;
"""
_PUT = """INSERT INTO entries VALUES (?, ?, ?, ?)
ON CONFLICT (category, key) DO UPDATE SET value = excluded.value, expires = excluded.expires"""
_GET = "SELECT value, expires FROM entries WHERE category = ? AND key = ?"
_DELETE = "DELETE FROM entries WHERE category = ? AND key = ? AND (expires IS NULL OR expires > ?)"
_LIST = """SELECT key, length(value), expires FROM entries
WHERE category = ?1 AND key >= ?2 AND substr(key, 1, length(?2)) = ?2 AND (expires IS NULL OR expires > ?3)
ORDER BY key"""
_OVER = "DELETE FROM entries WHERE expires <= ?2 AND (?1 IS NULL OR category = ?1)"
_ALL = "DELETE FROM entries WHERE ?1 IS NULL OR category = ?1"
_LEASE = """INSERT INTO leases VALUES (?1, ?2, ?3, ?4 + ?5)
ON CONFLICT (category, key) DO UPDATE SET holder = excluded.holder, ends = excluded.ends
WHERE holder = excluded.holder OR ends <= ?4 OR ends > excluded.ends + ?5"""
_RELEASE = "DELETE FROM leases WHERE category = ? AND key = ? AND holder = ?"
_ENDED = "DELETE FROM leases WHERE ends <= ?"
_COUNT = """SELECT count(*), coalesce(sum(length(value)), 0) FROM entries
WHERE (expires IS NULL OR expires > ?2) AND (?1 IS NULL OR category = ?1)"""


class File(Backend):
    """Settings besides Backend's: ``path`` of the file, ``max_bytes`` that it may have, and ``timeout``.

    A write is whole or not at all, and there once ``put`` has returned, even if the process is killed then; a machine
    that loses its power may lose the latest. The file has to lie on a local disk. Everything in here may block.
    """

    def __init__(self, config: Mapping[str, Any], folder: str) -> None:
        super().__init__(config, path=settings.text, max_bytes=settings.size, timeout=settings.seconds)
        self.path: str = os.path.join(folder, self.settings.get("path", "storage.sqlite"))
        self._timeout: float = self.settings.get("timeout", TIMEOUT)
        self._idle: Deque[sqlite3.Connection] = deque()
        self._writes = count(1)
        self._closed = False

    def put(self, category: str, key: str, value: bytes, ttl: Optional[float] = None) -> None:
        """See contracts.storage."""
        seconds = self.lifetime(category, key, len(value), ttl)
        expires = None if seconds is None else time.time() + seconds
        row = category.encode(), key.encode(), value, expires
        with self._connection() as connection:
            _insert(connection, _PUT, row)
            if next(self._writes) % PURGE_EVERY == 0:
                _purge(connection)

    def get(self, category: str, key: str) -> bytes:
        """See contracts.storage."""
        check_entry(category, key)
        with self._connection() as connection:
            found = connection.execute(_GET, (category.encode(), key.encode())).fetchone()
        if found is None or (found[1] is not None and found[1] <= time.time()):
            self.misses += 1
            raise NotFound(category, key)
        self.hits += 1
        value: bytes = found[0]
        return value

    def delete(self, category: str, key: str) -> bool:
        """See contracts.storage."""
        check_entry(category, key)
        with self._connection() as connection:
            return connection.execute(_DELETE, (category.encode(), key.encode(), time.time())).rowcount > 0

    def list(self, category: str, prefix: str = "") -> Iterator[Entry]:
        """See contracts.storage."""
        check_entry(category)
        with self._connection() as connection:
            found = connection.execute(_LIST, (category.encode(), prefix.encode(), time.time())).fetchall()
        for key, size, expires in found:
            yield Entry(key.decode(), size, moment(expires))

    def purge(self, category: Optional[str] = None, *, everything: bool = False) -> int:
        """See contracts.storage."""
        check_entry(category)
        with self._connection() as connection:
            return _purge(connection, category, everything=everything)

    def statistics(self, category: Optional[str] = None) -> Statistics:
        """See contracts.storage. Hits and misses are those of all categories, in this process."""
        check_entry(category)
        with self._connection() as connection:
            entries, size = connection.execute(_COUNT, (_encoded(category), time.time())).fetchone()
        return Statistics(self.hits, self.misses, entries, size)

    def lease(self, category: str, key: str, holder: bytes, seconds: float) -> bool:  # type: ignore[override]
        """See Backend. One that ends much later than it could is of a clock that was put back.

        Much: whoever waited for another process that writes asks with a time that is as old.
        """
        row = category.encode(), key.encode(), holder, time.time(), seconds
        with self._connection() as connection:
            return _insert(connection, _LEASE, row) > 0

    def release(self, category: str, key: str, holder: bytes) -> None:  # type: ignore[override]
        """See Backend."""
        with self._connection() as connection:
            connection.execute(_RELEASE, (category.encode(), key.encode(), holder))

    def close(self) -> None:
        """Close the file."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """One that nobody else uses meanwhile. Translates what SQLite raises of a full disk and of others' locks."""
        try:
            connection = self._idle.pop() if self._idle else self._open()
        except IndexError:  # another thread was faster
            connection = self._open()
        try:
            yield connection
        except sqlite3.DatabaseError as error:
            if _is_full(error):
                raise NoRoom(f"{self.path}: {error} (max_bytes, or the disk's own bound)") from error
            raise self._unreachable(error) from error
        finally:
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    def _open(self) -> sqlite3.Connection:
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            connection = sqlite3.connect(
                self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.DatabaseError) as error:
            raise self._unreachable(error) from error
        try:
            self._make(connection)
            connection.execute("PRAGMA synchronous = NORMAL")  # a commit waits for the disk at checkpoints alone
            connection.execute(f"PRAGMA mmap_size = {64 * 1024 * 1024}")
            if "max_bytes" in self.settings:
                connection.execute(f"PRAGMA max_page_count = {max(self.settings['max_bytes'] // _PAGE, 8)}")
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise self._unreachable(error) from error
            raise
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        """Of several that make a file at the same time SQLite refuses all but one at once, whatever its timeout."""
        ends = time.monotonic() + self._timeout
        while True:
            try:
                connection.executescript(_SCHEMA)
            except sqlite3.OperationalError as error:
                if "is locked" not in str(error) or time.monotonic() >= ends:
                    raise
                time.sleep(_RETRY)
            else:
                return

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(f"{self.path}: {error}, for {self._timeout:g} s where it is locked")


def _encoded(category: Optional[str]) -> Optional[bytes]:
    return None if category is None else category.encode()


def _insert(connection: sqlite3.Connection, statement: str, row: Tuple[Any, ...]) -> int:
    """How many rows it has changed. In a full file it may have the room of what is over."""
    try:
        return connection.execute(statement, row).rowcount
    except sqlite3.OperationalError as error:
        if not _is_full(error) or not _purge(connection):
            raise
    return connection.execute(statement, row).rowcount


def _purge(connection: sqlite3.Connection, category: Optional[str] = None, *, everything: bool = False) -> int:
    """Delete rows, and give their pages back to the disk."""
    if everything:
        gone = connection.execute(_ALL, (_encoded(category),)).rowcount
    else:
        gone = connection.execute(_OVER, (_encoded(category), time.time())).rowcount
    connection.execute(_ENDED, (time.time(),))
    if gone:
        connection.executescript("PRAGMA incremental_vacuum")  # execute would give back one page
    return gone


def _is_full(error: sqlite3.DatabaseError) -> bool:
    return "is full" in str(error)
