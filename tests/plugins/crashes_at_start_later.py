"""Starts as long as its data folder holds no file ``broken``; /break makes one and dies."""

import os
import pathlib
import sys

MARK = pathlib.Path(os.environ["WEFT_DATA_DIR"], "broken")
if MARK.exists():
    raise RuntimeError("broken for good")


async def app(scope, receive, send):
    assert scope["type"] == "http"
    MARK.touch()
    print("breaks now", file=sys.stderr)
    os._exit(3)
