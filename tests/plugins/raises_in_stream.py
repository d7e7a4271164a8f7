# /// script
# [tool.weft]
# provides = ["hostile_stream"]
# limits = { call = "2s", threads = 4 }
# ///
"""Raises in a stream, where it is told."""

class Plugin:
    async def ok(self, number):
        return number

    async def items(self, kind):
        for number in range(int(kind)):
            yield number
        raise LookupError(f"broke after {kind}")
