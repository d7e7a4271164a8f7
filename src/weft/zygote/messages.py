"""What a host and one instance tell each other, over one stream socket.

The newborn process says ``{"born": pid}``, with which the kernel tells the host its id as the host knows it. The host
sends the *order* of what to start and, once the process is under its limits, that id, which is the plugin's
``WEFT_PID``: in namespaces of its own, the plugin sees another one. The answer is ``{"ready": report}``, or
``{"failed": why}``. The keeper says ``{"refused": {call: times}}``, and ``{"ended": status, "peak": bytes}``, after
which nothing of the instance is left.

An order has ``name``, ``folder`` (to run in), ``variables``, ``policy`` (see sandbox.confine), ``paths`` (searched
after all of the plugin's own), ``site`` (whether the interpreter's packages are the plugin's), and ``argv``: what to
execute; None: the plugin's side of weft. To the host each message is a line of JSON; from it each comes after its
length.
"""

from __future__ import annotations

import json
import os
import select
from typing import Any

_LENGTH = 8
"""Hexadecimal digits."""
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


def _read(host: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(host, size)
        if not part:
            raise EOFError("the host is gone")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
