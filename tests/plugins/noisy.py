"""Prints and logs in every way while it starts."""

import logging
import sys

print("plain words")
print("WARNING: printed", file=sys.stderr)
logging.getLogger("shop").error("logged\nin two lines")
logging.getLogger("shop").info("hushed")
logging.getLogger("shop").debug("unheard")


async def app(scope, receive, send):
    raise RuntimeError("no lifespan here")
