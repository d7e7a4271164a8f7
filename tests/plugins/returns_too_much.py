# /// script
# [tool.weft]
# provides = ["hostile_sizes"]
# limits = { call = "20s", threads = 4 }
# ///
"""Gives values of as many bytes as it is told, which is more than may be."""


class Plugin:
    async def ok(self, number):
        return number

    async def data(self, size):
        return bytes(size)

    async def give(self, data):
        raise AssertionError("it was sent")

    async def items(self, size):
        yield b"first"
        yield bytes(size)
