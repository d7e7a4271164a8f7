"""One instance as its crew holds it: with its state and its age."""

from __future__ import annotations

import time

from weft.lifecycle import INSTANCE
from weft.lifecycle.table import Machine
from weft.runtimes.launch import Instance


class Member:
    """One instance, with its state and age. ``started``: seconds since the epoch."""

    def __init__(self, instance: Instance, release: int) -> None:
        self.instance = instance
        self.channel = instance.channel
        self.release = release
        self.started = time.time()
        self._began = time.monotonic()
        self._machine = Machine(INSTANCE)
        self._machine.fire("ready")

    @property
    def state(self) -> str:
        """See lifecycle.INSTANCE."""
        return self._machine.state

    @property
    def age(self) -> float:
        """Seconds since it was ready."""
        return time.monotonic() - self._began

    @property
    def pid(self) -> int | None:
        """The process's id, where the runtime has processes."""
        return self.instance.pid

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return self.channel.in_flight

    def enter(self, event: str) -> None:
        """Take a transition, where the table has it: an instance may end in any state."""
        if self._machine.allows(event):
            self._machine.fire(event)
