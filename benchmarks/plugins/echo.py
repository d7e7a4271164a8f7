# /// script
# [tool.weft]
# provides = ["echo"]
# ///
"""Hands back what it is given, from a process of its own."""

from collections.abc import AsyncIterator


class Plugin:
    async def echo(self, data: bytes) -> bytes:
        return data

    async def numbers(self, count: int) -> AsyncIterator[int]:
        for number in range(count):
            yield number
