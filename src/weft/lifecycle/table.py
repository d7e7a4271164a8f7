"""A transition table, and the machine that walks through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from weft.errors import TransitionError


@dataclass(frozen=True)
class Table:
    """States by (state, event). ``initial`` is where a machine begins."""

    name: str
    initial: str
    transitions: Mapping[tuple[str, str], str]

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, in the order in which the table names them."""
        named = (state for (before, _), after in self.transitions.items() for state in (before, after))
        return tuple(dict.fromkeys(named))

    @property
    def events(self) -> tuple[str, ...]:
        """Every event, in the order in which the table names them."""
        return tuple(dict.fromkeys(event for _, event in self.transitions))

    def next(self, state: str, event: str) -> str:
        """The state after ``event``. Raises TransitionError with what would have been allowed."""
        after = self.transitions.get((state, event))
        if after is None:
            allowed = ", ".join(its for at, its in self.transitions if at == state) or "nothing"
            raise TransitionError(f"{self.name}: {event!r} is not allowed in state {state!r} (allowed: {allowed})")
        return after

    def allows(self, state: str, event: str) -> bool:
        """Whether ``event`` is allowed in ``state``."""
        return (state, event) in self.transitions

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        lines += [f"    {before} --> {after}: {event}" for (before, event), after in self.transitions.items()]
        return "\n".join(lines)


class Machine:
    """A state that changes only through its table. ``changed(before, event, after)`` is told of each transition."""

    def __init__(self, table: Table, changed: Callable[[str, str, str], None] | None = None) -> None:
        self._table = table
        self._changed = changed
        self.state = table.initial

    def fire(self, event: str) -> None:
        """Take a transition. Raises TransitionError, and stays, when the table has none."""
        before, self.state = self.state, self._table.next(self.state, event)
        if self._changed is not None:
            self._changed(before, event, self.state)

    def allows(self, event: str) -> bool:
        """Whether ``event`` is allowed now."""
        return self._table.allows(self.state, event)
