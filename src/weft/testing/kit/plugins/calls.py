"""Provides ``kit_calls``, with annotations of its own and with a module of plain Python alone."""

# ruff: noqa: INP001, RUF012, UP006, UP035 (a plugin, as they are written on Python 3.9)
from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List

from weft.sdk import Context


@dataclass
class Corner:
    """The contract's point, under a name of its own."""

    x: int
    y: float = 0.5


class Plugin:
    """One instance."""

    sizes: List[int] = [1, 2, 3]

    def __init__(self, context: Context) -> None:
        self._context = context
        self._met: Dict[int, int] = {}
        self._all = threading.Condition()
        self._everyone = asyncio.Event()
        self._begun = self._ended = 0
        self.title = str(context.config.get("title", context.version))
        self.corner = Corner(1)

    async def join(self, left: str, right: str = "right", *, glue: str = "-") -> str:
        return f"{left}{glue}{right}"

    def join_def(self, left: str, right: str = "right", *, glue: str = "-") -> str:
        return f"{left}{glue}{right}"

    async def meet(self, number: int, of: int) -> int:
        self._met[number] = number
        if len(self._met) == of:
            self._everyone.set()
        await self._everyone.wait()
        return self._met[number]

    def meet_def(self, number: int, of: int) -> int:
        with self._all:
            self._met[-number] = number
            self._all.notify_all()
            if not self._all.wait_for(lambda: sum(each < 0 for each in self._met) == of, 20):
                raise TimeoutError("they are not called at the same time")
        return self._met[-number]

    async def hang(self) -> None:
        self._begun += 1
        try:
            await asyncio.sleep(600)
        finally:
            self._ended += 1

    async def begun(self) -> int:
        return self._begun

    async def ended(self) -> int:
        return self._ended

    def spin(self) -> None:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            pass

    async def length(self, data: bytes) -> int:
        return len(data)

    async def grow(self, data: bytes, times: int) -> bytes:
        return data * times

    async def wrong(self) -> int:
        answer: Any = "no number"
        return answer  # type: ignore[no-any-return]

    async def facts(self) -> Dict[str, Any]:
        context = self._context
        mark = Path(context.data_dir, "mark")
        before = mark.read_text() if mark.exists() else ""  # noqa: ASYNC240 (a few bytes)
        mark.write_text(context.version)  # noqa: ASYNC240
        sys.stdout.write("facts were asked for\n")
        sys.stdout.flush()
        return {
            "name": context.name,
            "version": context.version,
            "config": dict(context.config),
            "before": before,
            "variable": os.environ.get("KIT_VARIABLE"),
            "pid": os.getpid(),
        }

    async def die(self) -> None:
        os._exit(3)

    async def stop(self) -> None:
        Path(self._context.data_dir, "stopped").write_text(self._context.version)  # noqa: ASYNC240
