# /// script
# [tool.weft]
# provides = ["hostile_stream"]
# limits = { call = "2s", threads = 4 }
# ///
"""Gives items for as long as somebody takes them, and says how many it has given."""

class Plugin:
    def __init__(self):
        self.given = 0
        self.left = 0

    async def ok(self, number):
        return number

    async def counted(self):
        return [self.given, self.left]

    async def items(self, kind):
        try:
            while True:
                self.given += 1
                yield self.given
        finally:
            self.left += 1
