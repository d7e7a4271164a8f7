# /// script
# [tool.weft]
# provides = ["hostile"]
# limits = { call = "2s", threads = 4 }
# ///
"""Prints bytes that are no text, and an endless line."""

import os


class Plugin:
    async def ok(self, number):
        return number

    async def misbehave(self, kind):
        os.write(1, bytes(range(256)) * 100)
        os.write(2, b"x" * 1_000_000)
        print("\x1b[2J\x00" * 1000)
        return 1
