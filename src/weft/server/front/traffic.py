"""What passed through the front: counters per plugin, and the record of one answered request."""

from __future__ import annotations

from typing import NamedTuple


class Traffic:
    """Counters of one plugin; they only grow, but for ``in_flight`` and ``websockets``."""

    __slots__ = ("answered", "bytes_in", "bytes_out", "in_flight", "name", "refused", "websockets")

    def __init__(self, name: str) -> None:
        self.name = name
        self.in_flight = 0
        """Requests begun and not answered whole."""
        self.websockets = 0
        """Open websockets."""
        self.answered = [0, 0, 0, 0, 0, 0]
        """Answers by status class: ``answered[2]`` are 2xx; ``answered[0]`` were left by their client."""
        self.refused = 0
        """Requests answered 503 because ``http.max_in_flight`` was reached."""
        self.bytes_in = 0
        """Bytes of request bodies and websocket messages."""
        self.bytes_out = 0
        """Bytes of response bodies and websocket messages."""


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
    """From the request's head to the answer's end (coarse)."""
