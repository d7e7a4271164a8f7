"""A client that asks one thing at a time, on a plain socket, so that what it costs itself hides little."""

from __future__ import annotations

import socket
from time import perf_counter
from typing import Self

ANSWER = 20.0
"""Seconds for one exchange."""
BODY = b"Hello, world!"


class Client:
    """One connection that stays open. A context manager."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=ANSWER)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, host: str, times: int) -> list[float]:
        """The seconds until each of so many answers."""
        request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        return [self._exchange(request) for _ in range(times)]

    def _exchange(self, request: bytes) -> float:
        began = perf_counter()
        self._connection.sendall(request)
        answer = b""
        while not answer.endswith(BODY):
            answer += (part := self._connection.recv(65536))
            if not part:
                raise ConnectionError(f"{request!r} is not served: {answer[:200]!r}")
        return perf_counter() - began
