# /// script
# [tool.weft]
# provides = ["hostile_constant"]
# limits = { call = "2s", threads = 4 }
# ///
"""Has a constant that cannot be read."""

class Plugin:
    @property
    def unit(self):
        raise RuntimeError("no unit today")
