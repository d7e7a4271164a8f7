# /// script
# [tool.weft]
# provides = ["hostile"]
# limits = { call = "2s", threads = 4 }
# ///
"""Raises what is no Exception, from async def and from def."""

import asyncio


class Own(BaseException):
    pass


class WithoutWords(Exception):
    def __str__(self):
        raise ValueError("no words")


class WithoutWordsAtAll(Exception):
    def __str__(self):
        raise SystemExit(3)


class Plugin:
    async def ok(self, number):
        return number

    async def misbehave(self, kind):
        self.misbehave_def(kind)

    def misbehave_def(self, kind):
        raise {
            "exit": SystemExit(3),
            "interrupt": KeyboardInterrupt(),
            "generator": GeneratorExit(),
            "stop": StopIteration(),
            "cancelled": asyncio.CancelledError(),
            "own": Own("own"),
            "mute": WithoutWords(),
            "muter": WithoutWordsAtAll(),
        }[kind]
