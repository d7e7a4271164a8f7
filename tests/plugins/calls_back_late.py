# /// script
# [tool.weft]
# provides = ["hostile_callbacks"]
# limits = { call = "2s", threads = 4 }
# ///
"""Calls back after its call has ended, and into itself."""

class Plugin:
    async def ok(self, number):
        return number

    async def give(self, told):
        self.told = told
        told(1)

    async def use_given(self):
        self.told(2)

    async def round(self, depth, asked):
        return depth if depth == 0 else 1 + await asked(depth - 1)
