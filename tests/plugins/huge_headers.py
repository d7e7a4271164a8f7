"""Its response's headers are larger than any frame; /small answers as it should."""


async def app(scope, receive, send):
    assert scope["type"] == "http"
    headers = [] if scope["path"] == "/small" else [(b"x-huge", b"x" * 2_000_000)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"done"})
