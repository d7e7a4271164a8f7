"""What passed through the front: counters per plugin, and the record of one answered request."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from weft.server.front.latency import BOUNDS, no_counts


class Traffic:
    """Counters of one plugin; they only grow, but for ``in_flight`` and ``websockets``."""

    __slots__ = (
        "answered", "bytes_in", "bytes_out", "errors", "in_flight", "latency", "name", "seconds", "websockets",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.in_flight = 0
        """Requests begun and not answered whole."""
        self.websockets = 0
        """Open websockets."""
        self.answered = [0, 0, 0, 0, 0, 0]
        """Answers by status class: ``answered[2]`` are 2xx; ``answered[0]`` were left by their client."""
        self.errors: dict[str, int] = {}
        """Answers of the front's own in the plugin's place, and answers broken off, by ``failures.REASONS``."""
        self.latency = no_counts()
        """Requests that the plugin was asked, by how long it took until its answer began: see ``latency.BOUNDS``."""
        self.seconds = 0.0
        """The sum of these times."""
        self.bytes_in = 0
        """Bytes of request bodies and websocket messages."""
        self.bytes_out = 0
        """Bytes of response bodies and websocket messages."""

    def took(self, seconds: float) -> None:
        """An answer began ``seconds`` after the plugin had been asked."""
        self.latency[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def failed(self, reason: str) -> None:
        """One of ``failures.REASONS``."""
        self.errors[reason] = self.errors.get(reason, 0) + 1

    def all_errors(self) -> dict[str, int]:
        """``errors``, and as ``answered`` the plugin's own answers of class 5xx."""
        by_front = sum(count for reason, count in self.errors.items() if reason != "cut")
        own = self.answered[5] - by_front
        return {**self.errors, "answered": own} if own > 0 else dict(self.errors)


class Access(NamedTuple):
    """One line of the access log. ``status`` 0: the client left before an answer began."""

    time: float
    """Seconds since the epoch, at the end of the answer (coarse: a quarter of a second)."""
    plugin: str
    client: str
    method: str
    host: bytes
    target: bytes
    version: str
    status: int
    sent: int
    """Bytes of body."""
    seconds: float
    """From the request's head to the answer's end; of a websocket to its own end (coarse)."""
