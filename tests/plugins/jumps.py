"""Leaves two processes that are never there: each forks itself and ends at once, over and over, for half a minute."""

import fcntl
import os
import time

END = time.monotonic() + 30
lock = open(os.environ["WEFT_DATA_DIR"] + "/lock", "w")


def jump():
    if os.fork():
        return
    os.setsid()
    while time.monotonic() < END:
        if os.fork():
            os._exit(0)
    os._exit(0)


async def app(scope, receive, send):
    assert scope["type"] == "http"
    fcntl.flock(lock, fcntl.LOCK_EX)
    for _ in range(2):
        jump()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"gone"})
