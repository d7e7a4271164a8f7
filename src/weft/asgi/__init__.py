"""An engine's web plugins within another ASGI application: ``app.mount("/", weft.asgi.mount(engine))``."""

from weft.asgi.mounted import mount

__all__ = ["mount"]
