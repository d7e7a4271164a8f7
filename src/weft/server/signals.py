"""SIGTERM and SIGINT: the first asks the server to drain, the second cancels whatever it still waits for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Self

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """Use it as a context manager, in the task that is to end."""

    def __enter__(self) -> Self:
        """Begin to listen for the signals."""
        self._asked = asyncio.Event()
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        for number in SIGNALS:
            self._loop.add_signal_handler(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the signals to whoever had them."""
        for number in SIGNALS:
            self._loop.remove_signal_handler(number)

    def _on_signal(self) -> None:
        if self._asked.is_set() and self._task is not None:
            self._task.cancel()
        self._asked.set()

    async def wait(self) -> None:
        """Returns when the server is asked to stop."""
        await self._asked.wait()

    async def or_done(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` to its end, or until the server is asked to stop. Raises what it raises."""
        task, asked = asyncio.create_task(work), asyncio.create_task(self.wait())
        try:
            await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
        finally:
            task.cancel()
            asked.cancel()
            await asyncio.gather(task, asked, return_exceptions=True)
