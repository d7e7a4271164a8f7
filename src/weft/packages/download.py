"""A plugin from an ``https://`` address with the checksum that its bytes must have. Blocking: for a thread."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from weft.errors import PackageError, StorageFailed, UsageError
from weft.packages.archives import LIMITS
from weft.packages.uv import without_credentials

DEADLINE = 300.0
"""Seconds for all of it."""
MOST_REDIRECTS = 5
CHECKSUM = re.compile(r"sha256=([0-9a-f]{64})")
_BLOCK = 64 * 1024
_MOVED = frozenset({301, 302, 303, 307, 308})


def is_address(source: object) -> bool:
    """Whether a source is to be had from the network rather than from this machine's files."""
    return isinstance(source, str) and re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", source) is not None


def download(address: str, into: Path, *, deadline: float = DEADLINE, most: int = LIMITS.total) -> Path:
    """The file at ``https://…/NAME#sha256=HEX``, in the folder ``into``; returns its path.

    Redirects are followed to other ``https://`` addresses on public networks, five at most. Raises UsageError for an
    address without its checksum, and PackageError for what is not answered, is larger than ``most`` bytes, has another
    checksum, or is not there within ``deadline`` seconds.
    """
    url, wanted = _checked(address)
    target = into / (PurePosixPath(unquote(url.path)).name or "plugin.plg")
    fetch = _Download(url, time.monotonic() + deadline, deadline)
    try:
        found = fetch.write(target, most)
    except (http.client.HTTPException, OSError) as error:
        if fetch.late or isinstance(error, TimeoutError):
            raise fetch.failed(f"it was not there within {deadline:g} s") from None
        raise fetch.failed(f"it could not be read: {error}") from error
    if found != wanted:
        raise fetch.failed(f"its checksum differs: expected sha256 {wanted}, found {found}; do not use it")
    return target


def _checked(address: str) -> tuple[SplitResult, str]:
    url, shown = urlsplit(address), without_credentials(address)
    if url.scheme != "https" or not url.hostname:
        raise UsageError(f"{shown}: plugins are loaded from https:// addresses alone")
    found = CHECKSUM.fullmatch(url.fragment)
    if found is None:
        raise UsageError(f"{shown}: add the checksum of the file: …#sha256=HEX (sha256sum FILE tells it)")
    return url._replace(fragment=""), found[1]


class _Download:
    def __init__(self, url: SplitResult, ends: float, deadline: float) -> None:
        self._asked = without_credentials(url.geturl())
        self._url = url
        self._ends = ends
        self._deadline = deadline

    def failed(self, why: str) -> PackageError:
        return PackageError(f"{self._asked}: {why}")

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._ends

    def write(self, target: Path, most: int) -> str:
        """Write the file, and return its SHA-256."""
        for hop in range(MOST_REDIRECTS + 1):
            with self._connected(redirected=hop > 0) as connection, self._answer(connection) as response:
                if response.status not in _MOVED:
                    return self._body(response, target, most)
                self._follow(response)
        raise self.failed(f"it leads on more than {MOST_REDIRECTS} times")

    @contextmanager
    def _connected(self, *, redirected: bool) -> Iterator[http.client.HTTPSConnection]:
        assert self._url.hostname is not None, "it was checked"
        context = ssl.create_default_context()
        connection = _Connection(self._url.hostname, self._url.port or 443, timeout=self._left(), context=context)
        connection.public = redirected
        with closing(connection), ExitStack() as ending:
            connection.made = lambda made: self._end_in_time(made, ending)
            self._connect(connection)
            yield connection

    def _end_in_time(self, made: socket.socket, ending: ExitStack) -> None:
        """Cut a connection at the deadline: whoever sends a byte now and then is in time by each wait's own bound."""
        again = ending.enter_context(made.dup())  # the first one is TLS's from now on

        def cut() -> None:
            with suppress(OSError):  # it was closed by the other side
                again.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self._left(), cut)
        timer.start()
        ending.callback(timer.join)
        ending.callback(timer.cancel)

    def _connect(self, connection: http.client.HTTPSConnection) -> None:
        try:
            connection.connect()
        except _PrivateAddress as error:
            raise self.failed(f"it leads to {self._url.hostname}, which is {error}: no public address") from None

    def _answer(self, connection: http.client.HTTPSConnection) -> http.client.HTTPResponse:
        path = self._url.path or "/"
        connection.request("GET", f"{path}?{self._url.query}" if self._url.query else path)
        return connection.getresponse()

    def _follow(self, response: http.client.HTTPResponse) -> None:
        location = urlsplit(urljoin(self._url.geturl(), response.headers.get("location", "")))
        if location.scheme != "https" or not location.hostname:
            raise self.failed(
                f"it leads to {without_credentials(location.geturl()) or 'nowhere'}, which is not https://"
            )
        self._url = location

    def _body(self, response: http.client.HTTPResponse, target: Path, most: int) -> str:
        if response.status != 200:
            raise self.failed(f"it is answered {response.status} {response.reason}")
        digest, size = hashlib.sha256(), 0
        with _storing(target):
            file = target.open("xb", buffering=0)
        with file:
            while block := response.read1(_BLOCK):
                size += len(block)
                if size > most:
                    raise self.failed(f"it is larger than {most:,} bytes")
                digest.update(block)
                with _storing(target):
                    file.write(block)
        self._left()  # a connection that was cut ends as one that is whole
        return digest.hexdigest()

    def _left(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


@contextmanager
def _storing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"{target} could not be written: {error.strerror or error}") from error


class _PrivateAddress(Exception):  # noqa: N818 - told as a PackageError
    """Where a connection would have led."""


class _Connection(http.client.HTTPSConnection):
    """Looks, where that is asked, at the address that it is connected to, before a byte is sent; tells ``made``."""

    public = False
    made: Callable[[socket.socket], None]

    def connect(self) -> None:
        self._create_connection = self._created
        super().connect()

    def _created(self, *args: object, **kwargs: object) -> socket.socket:
        made: socket.socket = socket.create_connection(*args, **kwargs)  # type: ignore[arg-type]  # as HTTPConnection calls it
        peer = str(made.getpeername()[0])
        if self.public and not ipaddress.ip_address(peer.partition("%")[0]).is_global:
            made.close()
            raise _PrivateAddress(peer)
        self.made(made)
        return made
