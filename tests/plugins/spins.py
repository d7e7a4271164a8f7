# /// script
# [tool.weft]
# provides = ["hostile"]
# limits = { call = "500ms", threads = 4 }
# ///
"""Never yields: in a thread for a few seconds, on its event loop for ever."""

import time


class Plugin:
    async def ok(self, number):
        return number

    async def misbehave(self, kind):
        while True:
            pass

    def misbehave_def(self, kind):
        until = time.monotonic() + 3
        while time.monotonic() < until:
            pass
