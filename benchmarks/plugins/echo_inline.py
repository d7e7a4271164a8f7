# /// script
# [tool.weft]
# provides = ["echo"]
# runtime = "inline"
# ///
"""Hands back what it is given, within the interpreter of its host."""

from collections.abc import AsyncIterator


class Plugin:
    async def echo(self, data: bytes) -> bytes:
        return data

    async def numbers(self, count: int) -> AsyncIterator[int]:
        for number in range(count):
            yield number
