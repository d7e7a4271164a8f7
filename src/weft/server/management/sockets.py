"""TCP sockets as Linux's /proc has them: which socket is at an exact pair of addresses, and which processes hold it."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Endpoint = tuple[Address, int]

ESTABLISHED = 1
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_MOST_ROWS = 1_000_000
_READINGS = 3
_SCAN_SECONDS = 5.0


class Undecided(Exception):  # noqa: N818 - it is an answer, not a failure
    """The kernel's tables do not tell."""


@dataclass(frozen=True)
class Row:
    """One line of /proc/net/tcp or tcp6. ``inode`` 0: no process holds the socket."""

    local: Endpoint
    remote: Endpoint
    state: int
    uid: int
    inode: int


def endpoint(address: str, port: int) -> Endpoint | None:
    """An address as rows have it: an IPv4 address that is mapped into IPv6 is IPv4. None when it is none."""
    try:
        return _plain(ipaddress.ip_address(address.partition("%")[0])), port
    except ValueError:
        return None


def _plain(address: Address) -> Address:
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def parse_endpoint(text: str) -> Endpoint:
    """``0100007F:1F90`` → 127.0.0.1, 8080: words of 32 bits in the machine's own order. Raises ValueError."""
    words, _, port = text.partition(":")
    if len(words) not in (8, 32):
        raise ValueError(f"not an address of the kernel's: {text!r}")
    packed = b"".join(struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    return _plain(ipaddress.ip_address(packed)), int(port, 16)


def parse_row(line: str) -> Row | None:
    """One line of the table; None for its heading and for what is no row."""
    fields = line.split()
    try:
        return Row(
            parse_endpoint(fields[1]), parse_endpoint(fields[2]), int(fields[3], 16), int(fields[7]), int(fields[9])
        )
    except (IndexError, ValueError, struct.error):
        return None


def find_socket(rows: Iterable[str], local: Endpoint, remote: Endpoint) -> Row | None:
    """The one established, held socket at exactly these addresses; a row that stands there twice is one socket."""
    mark = f":{local[1]:04X} "
    parsed = (parse_row(line) for line in islice(rows, _MOST_ROWS) if mark in line)
    found = {row for row in parsed if row and (row.local, row.remote) == (local, remote)}
    live = [row for row in found if row.state == ESTABLISHED and row.inode > 0]
    return live[0] if len(live) == 1 == len(found) else None


def look_for_socket(local: Endpoint, remote: Endpoint) -> Row | None:
    """``find_socket`` in the kernel's tables.

    The kernel gives them a page at a time, and goes on by the count of rows: where connections come and go meanwhile,
    a row may be left out, or given twice. So what was not found is looked for again.
    """
    for _ in range(_READINGS):
        if (row := find_socket(read_tables(), local, remote)) is not None:
            return row
    return None


def read_tables(tables: Iterable[Path] = TABLES) -> Iterator[str]:
    """The lines of the kernel's tables, those that there are."""
    for table in tables:
        with contextlib.suppress(FileNotFoundError), table.open(encoding="ascii", errors="replace") as lines:
            yield from lines


@dataclass(frozen=True)
class Holders:
    """The processes that have a socket open, and those that do not let us see."""

    seen: frozenset[int]
    hidden: frozenset[int]


def find_holders(inode: int, proc: Path = Path("/proc")) -> Holders:
    """Looks through the descriptors of every thread of every process. Raises Undecided when that takes too long."""
    deadline = time.monotonic() + _SCAN_SECONDS
    target = f"socket:[{inode}]"
    seen, hidden = set(), set()
    for pid in [int(name) for name in os.listdir(proc) if name.isdigit()]:  # noqa: PTH208 - as in _link
        if time.monotonic() > deadline:
            raise Undecided(f"looking for the holders of a socket took more than {_SCAN_SECONDS:g} s")
        try:
            if _holds(proc / str(pid), target):
                seen.add(pid)
        except PermissionError:
            hidden.add(pid)
    return Holders(frozenset(seen), frozenset(hidden))


def _holds(process: Path, target: str) -> bool:
    """Threads are looked at one by one, as a thread may have a table of its own."""
    # A process, thread or descriptor that ends while it is looked at holds nothing.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        threads = os.listdir(process / "task")  # noqa: PTH208 - as in _link
        return any(_table_holds(f"{process}/task/{thread}/fd", target) for thread in threads)
    return False


def _table_holds(table: str, target: str) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        descriptors = os.listdir(table)  # noqa: PTH208 - as in _link
        return any(_link(f"{table}/{descriptor}") == target for descriptor in descriptors)
    return False


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - thousands of these
    except (FileNotFoundError, ProcessLookupError):
        return ""  # closed meanwhile
