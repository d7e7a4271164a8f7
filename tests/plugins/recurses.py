# /// script
# [tool.weft]
# provides = ["hostile"]
# limits = { call = "2s", threads = 4 }
# ///
"""Recurses for ever."""

class Plugin:
    async def ok(self, number):
        return number

    async def misbehave(self, kind):
        return await self.misbehave(kind)

    def misbehave_def(self, kind):
        return self.misbehave_def(kind)
