# /// script
# [tool.weft]
# provides = ["hostile_stream"]
# limits = { call = "2s", threads = 4 }
# ///
"""Raises in a stream of a plain generator, where it is told."""


class Plugin:
    async def ok(self, number):
        return number

    def items(self, kind):
        yield from range(int(kind))
        raise LookupError(f"broke after {kind}")
