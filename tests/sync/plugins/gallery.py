# /// script
# [tool.weft]
# provides = ["gallery"]
# ///
"""Provides the contract ``gallery`` of tests/sync, and says what became of its streams."""

import asyncio
import os
import threading


class Gallery:
    def __init__(self):
        self.streaming = 0
        self.read = 0

    async def small(self, image: bytes, width: int, *, grey: bool = False) -> bytes:
        return image[:width] + (b"grey" if grey else b"")

    def where(self):
        return [int(os.environ.get("WEFT_PID", os.getpid())), threading.get_ident()]

    async def hang(self):
        await asyncio.sleep(600)

    async def refuse(self):
        raise LookupError("no such picture")

    async def frames(self, count: int):
        self.streaming += 1
        try:
            for number in range(count):
                yield number
            if count == 13:
                raise ValueError("no thirteenth frame")
        finally:
            self.streaming -= 1

    async def under_way(self):
        return self.streaming

    def convert(self, steps, progress, agree):
        for step in range(steps):
            progress(step / steps)
        return [agree(step) for step in range(steps)]

    async def convert_later(self, agree):
        return [await agree(step) for step in range(3)]

    async def total(self, numbers):
        total = 0
        async for number in numbers:
            self.read += 1
            total += number
            if total < 0:
                raise ValueError("less than nothing")
        return total

    async def have_read(self):
        return self.read

    async def doubled(self, numbers):
        async for number in numbers:
            yield number * 2

    def numbered(self, pages, page):
        for number in range(pages):
            yield page(number)

    def thread(self) -> int:
        return threading.get_ident()

    def render(self, page: str) -> str:
        return page + "!"


app = Gallery
