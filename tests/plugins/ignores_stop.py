"""Never ends its shutdown, and takes no notice of a termination signal."""

import asyncio
import signal

signal.signal(signal.SIGTERM, signal.SIG_IGN)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})
