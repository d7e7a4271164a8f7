"""The host's end of the line to an instance's keeper: see zygote.messages."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

from weft.zygote.messages import send

_CREDENTIALS = struct.Struct("iII")
"""struct ucred: process id, user, group."""
_SO_PASSCRED = getattr(socket, "SO_PASSCRED", None)
_SCM_CREDENTIALS = getattr(socket, "SCM_CREDENTIALS", None)
_PIECE = 64 * 1024
_LONGEST = 1024 * 1024
"""Bytes of a message; a longer one ends the line."""

Message = dict[str, Any]


class KeeperLink:
    """``on_message(message, pid)`` is told each with the sender's process id as this process knows it.

    ``on_lost()`` is called once, when the other end is closed: then no process of the instance holds it any more.
    """

    def __init__(
        self, end: socket.socket, on_message: Callable[[Message, int | None], None], on_lost: Callable[[], None]
    ) -> None:
        end.setblocking(False)
        if _SO_PASSCRED is not None:
            end.setsockopt(socket.SOL_SOCKET, _SO_PASSCRED, 1)
        self._end = end
        self._on_message = on_message
        self._on_lost = on_lost
        self._rest = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(end, self._read)

    async def send(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send it whole, with ``descriptors``. Raises OSError where the other end is gone."""
        if self._end.fileno() == -1:
            raise BrokenPipeError("the other end was closed before")
        sent = send(self._end, data, descriptors) if descriptors else 0  # it is empty: some of it fits
        await self._loop.sock_sendall(self._end, data[sent:])

    def hang_up(self) -> None:
        """Tell the keeper to end the instance; what it has to say of that is still heard."""
        if self._end.fileno() != -1:
            try:
                self._end.shutdown(socket.SHUT_WR)
            except OSError:  # it is gone already
                return

    def close(self) -> None:
        """Let go of it; safe to call twice."""
        if self._end.fileno() != -1:
            self._loop.remove_reader(self._end)
            self._end.close()

    def _read(self) -> None:
        try:
            data, notes, _, _ = self._end.recvmsg(_PIECE, socket.CMSG_SPACE(_CREDENTIALS.size))
        except BlockingIOError:
            return
        except OSError:
            data, notes = b"", []
        if not data or len(self._rest) + len(data) > _LONGEST:
            self.close()
            self._on_lost()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        pid = _sender(notes)
        for line in lines:
            self._on_message(json.loads(line), pid)


def _sender(notes: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in notes:
        if level == socket.SOL_SOCKET and kind == _SCM_CREDENTIALS and len(data) >= _CREDENTIALS.size:
            pid: int = _CREDENTIALS.unpack_from(data)[0]
            return pid or None
    return None
