# /// script
# [tool.weft]
# provides = ["hostile_reader"]
# limits = { call = "10s", threads = 2 }
# ///
"""Waits in its threads, of which it has two: for items, for its caller, or only for a moment."""

import os
import time


class Plugin:
    async def ok(self, number):
        return number

    def total(self, numbers):
        return sum(numbers)

    def tell(self, told):
        while True:
            told(b"x" * 100_000)

    def nap(self, seconds):
        time.sleep(seconds)

    def pid(self):
        return int(os.environ.get("WEFT_PID", os.getpid()))
