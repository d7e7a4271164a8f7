# /// script
# [tool.weft]
# provides = ["echo"]
# runtime = "inline"
# ///
"""Hands back what it is given, without await."""

from collections.abc import Iterator


class Plugin:
    def echo(self, data: bytes) -> bytes:
        return data

    def numbers(self, count: int) -> Iterator[int]:
        yield from range(count)
