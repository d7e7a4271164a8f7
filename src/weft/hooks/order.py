"""The order of a chain: ``before`` and ``after`` win, then the smaller priority, then who was loaded first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from typing import Protocol

from weft.errors import UsageError


class Order(Protocol):
    """A provider's wishes. ``before`` and ``after`` are names of providers; those that are not there are ignored."""

    @property
    def priority(self) -> int: ...
    @property
    def before(self) -> Sequence[str]: ...
    @property
    def after(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Place:
    """A provider's wishes, as plain values."""

    priority: int = 0
    before: Sequence[str] = ()
    after: Sequence[str] = ()


def arrange(orders: Mapping[str, Order]) -> list[str]:
    """The names of ``orders``, which come in load order, in the order of the chain.

    Of the providers that nobody left must precede, the one with the smallest priority is next.
    Raises UsageError for a cycle, and shows it.
    """
    loaded = {name: index for index, name in enumerate(orders)}
    sorter = TopologicalSorter(_predecessors(orders))
    try:
        sorter.prepare()
    except CycleError as error:
        raise _circular(error.args[1][:-1], loaded) from None
    ready: list[tuple[int, int, str]] = []
    arranged: list[str] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heappush(ready, (orders[name].priority, loaded[name], name))
        arranged.append(heappop(ready)[-1])
        sorter.done(arranged[-1])
    return arranged


def _predecessors(orders: Mapping[str, Order]) -> dict[str, list[str]]:
    predecessors = {name: [earlier for earlier in order.after if earlier in orders] for name, order in orders.items()}
    for name, order in orders.items():
        for later in order.before:
            if later in orders:
                predecessors[later].append(name)
    return predecessors


def _circular(cycle: Sequence[str], loaded: Mapping[str, int]) -> UsageError:
    """``cycle``: each must come before the next, and the last before the first. Shown from the one loaded first."""
    start = cycle.index(min(cycle, key=loaded.__getitem__))
    shown = " before ".join([*cycle[start:], *cycle[: start + 1]])
    return UsageError(f"hooks cannot be ordered: {shown}; take one of them out of `before` or `after`")
