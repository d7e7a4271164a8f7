"""Answers; on /hang it blocks its event loop, on /bloat it takes memory until it is ended, on /fork it forks."""

import asyncio
import os
import time


def hang():
    time.sleep(600)


def bloat():
    kept = []
    while True:
        kept.append(bytearray(b"x" * 1024 * 1024))


def fork():
    try:
        while True:
            if os.fork() == 0:
                time.sleep(600)
    except OSError:
        return


async def app(scope, receive, send):
    if scope["type"] == "http":
        if act := {"/hang": hang, "/bloat": bloat, "/fork": fork}.get(scope["path"]):
            asyncio.get_running_loop().call_soon(act)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"well"})
