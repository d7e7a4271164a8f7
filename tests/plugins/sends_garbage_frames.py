"""Writes what is no frame on its own wire."""

import os

WIRE = 3


async def app(scope, receive, send):
    assert scope["type"] == "http"
    os.write(WIRE, b"\xff" * 4096)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})
