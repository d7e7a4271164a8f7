"""Its startup never completes."""

import asyncio
import sys


async def app(scope, receive, send):
    print("still thinking", flush=True)
    print("and waiting", file=sys.stderr, flush=True)
    await asyncio.sleep(3600)
