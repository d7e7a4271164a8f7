"""Says that its startup failed."""


async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database today"})
