"""Provides ``kit_errors``: what it is asked to raise."""

# ruff: noqa: INP001 (a plugin, as they are written on Python 3.9)
from __future__ import annotations


class NotThere(Exception):  # noqa: N818 (named as the contract's is)
    """The exception that the contract declares, as the plugin has it."""


class Own(BaseException):
    """No Exception at all."""


class Mute(Exception):  # noqa: N818
    """One that cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


KINDS = {
    "value": ValueError("no such value"),
    "exit": SystemExit(3),
    "own": Own("not an Exception"),
    "mute": Mute(),
    "interrupt": KeyboardInterrupt("pressed"),
    "generator": GeneratorExit("left"),
    "stop": StopIteration("over"),
}


class Plugin:
    """One instance."""

    async def fail(self, kind: str) -> None:
        raise KINDS[kind]

    def fail_def(self, kind: str) -> None:
        raise KINDS[kind]

    async def find(self, name: str) -> str:
        raise NotThere(name, 404)

    def find_def(self, name: str) -> str:
        raise NotThere(name, 404)
