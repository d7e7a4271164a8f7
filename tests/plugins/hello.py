"""Answers with its process id and its release; /slow?SECONDS takes its time, /stream sends items until it is told to stop."""

import asyncio
import os


async def app(scope, receive, send):
    assert scope["type"] in ("http", "websocket")
    if scope["path"] == "/slow":
        await asyncio.sleep(float(scope["query_string"]))
    body = f"{os.environ.get('RELEASE', '')} {os.getpid()}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    if scope["path"] == "/stream":
        while (await receive())["type"] != "http.disconnect":
            await send({"type": "http.response.body", "body": body, "more_body": True})
        return
    await send({"type": "http.response.body", "body": body})
