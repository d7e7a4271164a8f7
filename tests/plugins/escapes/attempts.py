"""What the plugins of this folder share: each of their functions is one attempt, run by its name at ``/NAME``.

An attempt that returns has got what no plugin may; one that raises was refused. The answer is JSON, ``[done, text]``.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
from types import SimpleNamespace

there = SimpleNamespace(**json.loads(os.environ.get("TARGETS", "{}")))
"""What there is to be had: see tests/sandbox/attempting.py."""
data = os.environ["WEFT_DATA_DIR"]
libc = ctypes.CDLL(None, use_errno=True)


def offer(module):
    """An ASGI application that runs what the module defines."""

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        answer = await asyncio.to_thread(attempt, module[scope["path"][1:]])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    return app


def attempt(function):
    try:
        return True, repr(function())
    except BaseException as error:
        return False, f"{type(error).__name__}: {error}"


def call(number, *args):
    """A system call by its number. Raises OSError."""
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(each) if isinstance(each, int) else each for each in args))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}: {os.strerror(ctypes.get_errno())}")
    return result


def apart(function):
    """``function`` in a process of its own, that may be ended for it."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(5)
        os.write(writable, json.dumps(attempt(function)).encode())
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        text = pipe.read()
    status = os.waitpid(child, 0)[1]
    if not text:
        raise ChildProcessError(f"ended by {signal.Signals(os.WTERMSIG(status)).name}")
    done, what = json.loads(text)
    if not done:
        raise PermissionError(what)
    return what
