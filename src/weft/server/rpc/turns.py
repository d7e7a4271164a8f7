"""Few large calls arrive at a time, as each is held in memory until it is kept elsewhere. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable


class Turns:
    """Who has one of ``at_once`` turns, and who waits for one, in order."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._held: set[Hashable] = set()
        self._waiting: deque[tuple[Hashable, Callable[[], None]]] = deque()

    def ask(self, who: Hashable, granted: Callable[[], None]) -> bool:
        """Whether it is the turn of ``who`` now; else ``granted`` is called once it is."""
        if len(self._held) < self._at_once:
            self._held.add(who)
            return True
        self._waiting.append((who, granted))
        return False

    def leave(self, who: Hashable) -> None:
        """``who`` needs no turn any more, nor waits for one."""
        self._waiting = deque(each for each in self._waiting if each[0] is not who)
        if who in self._held:
            self._held.discard(who)
            if self._waiting:
                following, granted = self._waiting.popleft()
                self._held.add(following)
                granted()
