"""Starts once; /die ends it with code 4, and from then on its startup never completes."""

import asyncio
import os
import pathlib

MARK = pathlib.Path(os.environ["WEFT_DATA_DIR"], "broken")


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while MARK.exists():
            await asyncio.sleep(1)
    else:
        MARK.touch()
        os._exit(4)
