# /// script
# [tool.weft]
# provides = ["hostile"]
# limits = { call = "500ms", threads = 4 }
# ///
"""Blocks its event loop for as long as it is told, in an async def."""

import time


class Plugin:
    async def ok(self, number):
        return number

    async def misbehave(self, kind):
        time.sleep(float(kind))
        return 1
