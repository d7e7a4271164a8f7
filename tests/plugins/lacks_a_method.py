# /// script
# [tool.weft]
# provides = ["hostile"]
# limits = { call = "2s", threads = 4 }
# ///
"""Says that it provides a contract, and lacks a method of it."""

class Plugin:
    async def ok(self, number):
        return number
