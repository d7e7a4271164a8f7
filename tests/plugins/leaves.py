"""Leaves six processes of several kinds: children and daemons, their children, orphans; all deaf to signals."""

import os
import signal
import time

readable, writable = os.pipe()


def leave(depth):
    if os.fork():
        return
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    if depth:
        leave(depth - 1)
        if depth % 2:
            os._exit(0)
    os.write(writable, b"x")
    time.sleep(60)
    os._exit(0)


async def app(scope, receive, send):
    assert scope["type"] == "http"
    for depth in range(4):
        leave(depth)
    for _ in range(6):
        os.read(readable, 1)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"left"})
