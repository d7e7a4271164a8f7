"""/block?SECONDS: blocks its event loop for so long."""

import time


async def app(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/block":
        print("blocking", flush=True)
        time.sleep(float(scope["query_string"]))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})
