# /// script
# [tool.weft]
# provides = ["hostile"]
# limits = { call = "2s", threads = 4 }
# ///
"""Has a method of the contract with another signature."""

class Plugin:
    async def ok(self, number):
        return number

    async def misbehave(self, kind: int, more: str) -> int:
        return kind
