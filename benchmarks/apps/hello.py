"""The application that every server serves: plain ASGI, so that servers are measured and not a framework."""

import asyncio

VERSION = 0
HELLO = b"Hello, world!"
LARGE = bytes(64 * 1024)
EVENTS = 10
PAUSE = 0.05


async def app(scope, receive, send):
    if scope["type"] == "http":
        await ROUTES[scope["path"]](receive, send)
    elif scope["type"] == "websocket":
        await echo(receive, send)
    else:
        await lifespan(receive, send)


async def hello(receive, send):
    await answer(send, HELLO)


async def large(receive, send):
    await answer(send, LARGE)


async def version(receive, send):
    await answer(send, b"%d" % VERSION)


async def upload(receive, send):
    """Answers with the body's size and the version that read it."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await answer(send, b"%d %d" % (size, VERSION))


async def events(receive, send):
    await begin(send, [(b"content-type", b"text/event-stream")])
    for number in range(EVENTS):
        await send({"type": "http.response.body", "body": b"data: %d %d\n\n" % (number, VERSION), "more_body": True})
        await asyncio.sleep(PAUSE)
    await send({"type": "http.response.body", "body": b""})


async def echo(receive, send):
    """Accepts, and sends each text back with the version before it."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"{VERSION} {message['text']}"})


async def lifespan(receive, send):
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def begin(send, headers):
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def answer(send, body):
    await begin(send, [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))])
    await send({"type": "http.response.body", "body": body})


ROUTES = {"/": hello, "/large": large, "/version": version, "/upload": upload, "/events": events}
