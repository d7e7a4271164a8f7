# /// script
# [tool.weft]
# provides = ["hostile_stream"]
# limits = { call = "2s", threads = 4 }
# ///
"""Raises when it is told that nobody reads its stream any longer."""


class Plugin:
    async def ok(self, number):
        return number

    async def items(self, kind):
        try:
            while True:
                yield 1
        finally:
            raise ValueError("not so fast")
