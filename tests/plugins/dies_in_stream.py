# /// script
# [tool.weft]
# provides = ["hostile_stream"]
# limits = { call = "2s", threads = 4 }
# ///
"""Ends its process between the items of a stream."""

import asyncio
import os
import signal


class Plugin:
    async def ok(self, number):
        return number

    async def items(self, kind):
        yield 0
        yield 1
        await asyncio.sleep(0.05)
        if kind == "exit":
            os._exit(7)
        os.kill(os.getpid(), signal.SIGKILL)
        yield 2
