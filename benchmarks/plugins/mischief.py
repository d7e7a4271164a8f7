"""Misbehaves as its variable MISCHIEF says, a moment after it has started; until then, and without, it answers."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time

KIND = os.environ.get("MISCHIEF", "healthy")
LONG = 600


def deaf():
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):  # two cannot be ignored, others are the C library's
            continue


def fork(act, *given):
    """A child that does this, and sleeps then."""
    if os.fork() == 0:
        try:
            act(*given)
            time.sleep(LONG)
        finally:
            os._exit(0)


def daemon():
    """Of a session of its own, whose parent has ended."""
    os.setsid()
    if os.fork():
        os._exit(0)
    deaf()


def tree(depth=3):
    deaf()
    for _ in range(2 if depth else 0):
        fork(tree, depth - 1)


def forking():
    """Fills what it may have with children, whose places others take as they end."""
    while True:
        try:
            fork(time.sleep, 0.02)
            os.waitpid(-1, os.WNOHANG)
        except OSError:
            time.sleep(0.001)


def jump():
    """Is never there: it forks itself and ends at once, over and over."""
    os.setsid()
    while True:
        if os.fork():
            os._exit(0)


def fill():
    """Children until there may be no more."""
    try:
        while True:
            fork(deaf)
    except OSError:
        return


def spin():
    while True:
        pass


def flood():
    while True:
        os.write(1, b"x" * 65536)


def bloat():
    kept = []
    while True:
        kept.append(bytearray(b"x" * 1024 * 1024))
        time.sleep(0.002)


def stop(pid=0):
    os.kill(pid or os.getpid(), signal.SIGSTOP)


def hold():
    """A program that has this one's output open."""
    subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])


def thread(act):
    threading.Thread(target=act, daemon=True).start()


KINDS = {
    "healthy": lambda: None,
    "holder": hold,
    "double-fork": lambda: fork(fork, deaf),
    "daemon": lambda: fork(daemon),
    "deaf": deaf,
    "tree": tree,
    "forks": lambda: thread(forking),
    "jumps": lambda: fork(jump),
    "fills": fill,
    "blocked": lambda: time.sleep(LONG),
    "spins": spin,
    "spins-in-threads": lambda: [thread(spin) for _ in range(4)],
    "stopped": stop,
    "stopped-child": lambda: fork(stop),
    "floods": lambda: thread(flood),
    "bloats": lambda: thread(bloat),
    "crashes": lambda: os._exit(3),
    "closes": lambda: os.closerange(0, 256),
    "stays": lambda: None,
}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        asyncio.get_running_loop().call_later(0.1, KINDS[KIND])
        await send({"type": "lifespan.startup.complete"})
        await receive()
        while KIND == "stays":
            await asyncio.sleep(1)
        return await send({"type": "lifespan.shutdown.complete"})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"well"})
