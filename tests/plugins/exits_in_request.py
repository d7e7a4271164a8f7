"""Ends its process in a request: /exit by sys.exit, /die?CODE (9) at once; otherwise it answers."""

import os
import sys


async def app(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/exit":
        sys.exit(4)
    if scope["path"] == "/die":
        os._exit(int(scope["query_string"] or 9))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": os.environ["WEFT_PID"].encode()})
