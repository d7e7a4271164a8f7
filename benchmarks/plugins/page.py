# /// script
# [tool.weft]
# provides = ["page"]
# runtime = "inline"
# ///
"""Does nothing, so that calling is all that is measured; ``first`` asks everybody, as nobody answers."""


class Plugin:
    def collect(self, text: str, width: int) -> str:
        return text

    def first(self, text: str, width: int) -> str | None:
        return None
