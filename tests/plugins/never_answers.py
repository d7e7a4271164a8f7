"""Takes requests and never answers."""

import asyncio


async def app(scope, receive, send):
    assert scope["type"] == "http"
    await asyncio.sleep(3600)
