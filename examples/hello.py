# /// script
# dependencies = []
#
# [tool.weft]
# name = "hello"
# ///
"""A plugin with no packages at all: an ASGI application is one function."""


async def app(scope, receive, send):
    assert scope["type"] == "http"
    name = scope["path"].strip("/") or "world"
    body = f"hello, {name}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
