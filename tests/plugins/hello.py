"""Answers with its release and process id: /slow?SECONDS in so long, /gate once its data folder holds ``open``."""

import asyncio
import os
from pathlib import Path


async def app(scope, receive, send):
    assert scope["type"] in ("http", "websocket")
    if scope["path"] == "/slow":
        await asyncio.sleep(float(scope["query_string"]))
    while scope["path"] == "/gate" and not Path(os.environ["WEFT_DATA_DIR"], "open").exists():
        await asyncio.sleep(0.01)
    body = f"{os.environ.get('RELEASE', '')} {os.environ['WEFT_PID']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})
