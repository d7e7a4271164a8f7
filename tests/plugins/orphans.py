"""Starts a process of its own and forgets it."""

import subprocess
import sys


async def app(scope, receive, send):
    assert scope["type"] == "http"
    subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"started"})
