"""/flood?MEGABYTES: prints as many, all other paths answer at once."""

import asyncio
import sys


def flood(megabytes):
    line = "x" * 127 + "\n"
    for _ in range(megabytes):
        sys.stdout.write(line * 8192)
    print("dry", flush=True)


async def app(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/flood":
        await asyncio.get_running_loop().run_in_executor(None, flood, int(scope["query_string"]))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})
