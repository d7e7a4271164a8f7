"""Forks a child that keeps the wire open, then ends. /escape: the child leaves the process group, and lives a moment."""

import os
import time


async def app(scope, receive, send):
    assert scope["type"] == "http"
    if os.fork() == 0:
        if scope["path"] == "/escape":
            os.setsid()
            time.sleep(2)
            os._exit(0)
        time.sleep(600)
        os._exit(0)
    os._exit(5)
