"""Provides ``kit_hooks``."""

# ruff: noqa: INP001, UP006, UP035, UP045 (a plugin, as they are written on Python 3.9)
from __future__ import annotations

from typing import List, Optional

from weft.sdk import Context


class Plugin:
    """One instance, which says its name wherever it can."""

    def __init__(self, context: Context) -> None:
        self._name: str = context.name
        self._heard: List[str] = []

    async def names(self) -> str:
        return self._name

    async def chosen(self, name: str) -> Optional[str]:
        return f"I am {name}" if name == self._name else None

    async def through(self, text: str) -> Optional[str]:
        return None if text == "leave it" else f"{text} {self._name}"

    async def told(self, text: str) -> None:
        self._heard.append(text)

    async def heard(self) -> List[str]:
        return self._heard
