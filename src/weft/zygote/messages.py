"""What a host and a keeper tell each other, over one stream socket: JSON values, a line each.

The host sends the *order* of what to start and, once it has placed the newborn process under its limits, its process
id, which is the plugin's ``WEFT_PID``: in namespaces of its own, the plugin sees another one. The other end sends
``{"keeper": pid}`` and ``{"born": pid}``, with which the kernel tells the host their ids as it knows them; ``{"ready":
report}`` or ``{"failed": why}``; ``{"refused": {call: times}}``; and ``{"ended": status, "peak": bytes}``, after which
nothing of the instance is left.
"""

from __future__ import annotations

import json
import select
import socket
from typing import Any, Dict

_LINE = 64 * 1024
_PATIENCE = 1000
"""Milliseconds that a message waits for a host that does not read."""


def tell(host: socket.socket, **message: Any) -> bool:
    """Send one message; False where nobody takes it."""
    line = json.dumps(message).encode() + b"\n"
    waiting = select.poll()
    waiting.register(host, select.POLLOUT)
    if not waiting.poll(_PATIENCE):
        return False
    try:
        return host.send(line, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) == len(line)
    except OSError:
        return False


def read_line(host: socket.socket) -> bytes:
    """The next line without its end, one byte of what follows never taken. Raises EOFError."""
    line = b""
    while not line.endswith(b"\n"):
        seen = host.recv(_LINE, socket.MSG_PEEK)
        if not seen:
            raise EOFError("the host is gone")
        end = seen.find(b"\n") + 1
        line += host.recv(end or len(seen))
    return line[:-1]


def read_order(host: socket.socket) -> Dict[str, Any]:
    """What to start: ``name``, ``folder``, ``variables``, ``policy``, ``paths``, ``site``, ``argv`` (None: the plugin).

    Raises EOFError.
    """
    order: Dict[str, Any] = json.loads(read_line(host))
    return order
