"""What a host and one instance tell each other, over one stream socket.

The host sends the *order* of what to start, with the descriptors of a cgroup (cgroup.Ways). The newborn process enters
that, and says ``{"born": pid, "unheld": why}``, with which the kernel tells the host its id as the host knows it; the
``why`` is empty where it is under its limits. The host's answer is that id, which is the plugin's ``WEFT_PID``: in
namespaces of its own, the plugin sees another one. Then it is told ``{"ready": report}``, or
``{"failed": why}``. The keeper says ``{"refused": {call: times}}``, and ``{"ended": status, "peak": bytes}``, after
which nothing of the instance is left.

An order has ``name``, ``folder`` (to run in), ``variables``, ``policy`` (see sandbox.confine), ``paths`` (searched
after all of the plugin's own), ``site`` (whether the interpreter's packages are the plugin's), ``argv`` (what to
execute; None: the plugin's side of weft), and ``unbound``: what is written to the last descriptor when all is to end,
so that nothing ends slowly for want of CPU time; empty: all descriptors are entrances. To the host each message is a
line of JSON; from it each comes after its length.
"""

from __future__ import annotations

import array
import errno
import json
import os
import select
import socket
from typing import Any, List, Sequence, Tuple

from weft.sandbox.privileges import raise_limit

_LENGTH = 8
"""Hexadecimal digits."""
MOST_DESCRIPTORS = 16
"""That come with a message."""
_PATIENCE = 1000
"""Milliseconds that a message waits for a host that does not read."""


def tell(host: int, **message: Any) -> bool:
    """Send one message to the host at that descriptor; False where nobody takes it."""
    line = json.dumps(message).encode() + b"\n"
    waiting = select.poll()
    waiting.register(host, select.POLLOUT)
    try:
        return bool(waiting.poll(_PATIENCE)) and os.write(host, line) == len(line)
    except OSError:
        return False


def frame(message: Any) -> bytes:
    """What the host sends for ``message``."""
    text = json.dumps(message).encode()
    return b"%0*x" % (_LENGTH, len(text)) + text


def listen(host: int) -> Any:
    """The host's next message, of which nothing is taken but itself. Raises EOFError when the host is gone."""
    return json.loads(_read(host, int(_read(host, _LENGTH), 16)))


def listen_for_more(host: int) -> Tuple[Any, List[int]]:
    """The host's next message, and the descriptors that came with it. Raises EOFError when the host is gone."""
    end = socket.socket(fileno=host)
    try:
        head, descriptors = receive(end, _LENGTH, MOST_DESCRIPTORS)
    finally:
        end.detach()
    if not head:
        raise EOFError("the host is gone")
    return json.loads(_read(host, int(head + _read(host, _LENGTH - len(head)), 16))), descriptors


def send(end: socket.socket, data: bytes, descriptors: Sequence[int]) -> int:
    """As socket.send_fds, also where plugins have left as many descriptors underway as this process's soft limit."""
    try:
        return socket.send_fds(end, [data], list(descriptors))
    except OSError as error:
        if error.errno != errno.ETOOMANYREFS:
            raise
    raise_limit()
    return socket.send_fds(end, [data], list(descriptors))


def receive(end: socket.socket, size: int, most: int) -> Tuple[bytes, List[int]]:
    """As socket.recv_fds, whose flags are ignored (CPython 3.11): no program that is executed gets the descriptors."""
    descriptors = array.array("i")
    room = socket.CMSG_SPACE(most * descriptors.itemsize)
    data, notes, _, _ = end.recvmsg(size, room, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
    for level, kind, found in notes:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(found[: len(found) // descriptors.itemsize * descriptors.itemsize])
    return data, list(descriptors)


def _read(host: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(host, size)
        if not part:
            raise EOFError("the host is gone")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
