"""Its startup never completes."""

import asyncio


async def app(scope, receive, send):
    print("still thinking", flush=True)
    await asyncio.sleep(3600)
