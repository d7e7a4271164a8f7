"""What a task works on: values by name, and when to stop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, Generator, Iterable, Iterator, List, Mapping, Optional, Set, Tuple

from weft.contracts import dynamic
from weft.contracts.mismatch import Mismatch, show
from weft.contracts.sealed import Sealed
from weft.errors import DeadlineExceeded, TaskCancelled, WeftError, WrongArgument

MOST_VALUES = 10_000
"""Values that one context holds: a bound on what a task makes its caller keep."""
_NEARLY = 0.05
"""Seconds before its deadline from which on a task that is cancelled has missed it: clocks of two sides differ."""
_UTC = timezone.utc  # noqa: UP017 - read on Python 3.9
Changed = Callable[[str, Any], None]
"""Told the name, and the packed value, of each value that is set."""


class TaskContext:
    """The context of one piece of work: made by who wants it done, handed to every task that takes part in it.

    ``values`` go in with it, and what a task sets is seen by its caller. They are of the types that cross (None, bool,
    int, float, str, bytes, containers, dates, enums, dataclasses …); keys are text, and blank ones are dropped. Of
    what a plugin sends, the caller's side builds only classes of values that it handed out itself, and of ``types``.
    Safe to use from any thread.
    """

    def __init__(self, values: Optional[Mapping[str, Any]] = None, *, types: Iterable[type] = ()) -> None:
        self._lock = threading.Lock()
        self._values: Dict[str, Any] = {}
        self._changed: Optional[Changed] = None
        self._known: Set[str] = set()
        self._types = {f"{cls.__module__}:{cls.__qualname__}": cls for cls in types}
        self._ended = threading.Event()
        self._error: Optional[WeftError] = None
        self._watchers: List[Callable[[], None]] = []
        self._cutters: List[Callable[[], None]] = []
        self._cut = False
        self._ends: Optional[float] = None
        self.deadline: Optional[datetime] = None
        """When the work is to be done, in UTC; None where there is no deadline."""
        self.done = Done(self)
        """Set when nobody waits for the work any longer: it was cancelled, or its deadline has passed."""
        for key, value in (values or {}).items():
            self.set_value(key, value)

    def get_value(self, key: str) -> Any:
        """The value of that key; None where there is none."""
        return self._values.get(key)

    def set_value(self, key: str, value: Any) -> None:
        """Set a value, for the caller too. A blank key (empty, or white space only) is dropped.

        A later change of the value itself need not be seen: set it again. Raises WrongArgument for a type that cannot
        cross, and beyond 10,000 values.
        """
        if not isinstance(key, str):
            raise WrongArgument(f"the key of a task's value must be a str, found {show(key)}")
        if not key.strip():
            return
        try:
            plain = dynamic.pack(value)
        except Mismatch as mismatch:
            raise WrongArgument(f"value {show(key)} of a task cannot cross: {mismatch}") from None
        self._put(key, value)
        if self._changed is not None:
            self._changed(key, plain)

    # In Go's spelling, for code that is carried over from szlabs go-plugin.

    GetValue = get_value
    SetValue = set_value

    def Done(self) -> Any:  # noqa: N802 - Go's
        """See ``done``."""
        return self.done

    def Err(self) -> Optional[WeftError]:  # noqa: N802 - Go's
        """See ``err``."""
        return self.err

    def Deadline(self) -> Tuple[Optional[datetime], bool]:  # noqa: N802 - Go's
        """See ``deadline``, and whether there is one."""
        return self.deadline, self.deadline is not None

    def _put(self, key: str, value: Any) -> None:
        with self._lock:
            if key not in self._values and len(self._values) >= MOST_VALUES:
                raise WrongArgument(f"a task's context holds at most {MOST_VALUES:,} values: {show(key)} is too many")
            self._values[key] = value

    @property
    def values(self) -> Dict[str, Any]:
        """All values by key, as they are now."""
        with self._lock:
            return dict(self._values)

    @property
    def err(self) -> Optional[WeftError]:
        """Why ``done`` is set, TaskCancelled or DeadlineExceeded; None while it is not."""
        if self._error is None and self._past():
            return DeadlineExceeded("the deadline of the task has passed")
        return self._error

    @property
    def cancelled(self) -> bool:
        """Whether the work was cancelled, by its caller's task or with ``cancel()``."""
        return isinstance(self._error, TaskCancelled)

    def cancel(self) -> None:
        """End the work, wherever it runs: ``done`` is set, and whoever waits for a task gets TaskCancelled."""
        self.end(TaskCancelled("the task was cancelled"))

    def time_left(self) -> Optional[float]:
        """Seconds until the deadline, 0 once it has passed; None where there is none."""
        return None if self._ends is None else max(0.0, self._ends - time.monotonic())

    def _past(self) -> bool:
        return self._ends is not None and time.monotonic() >= self._ends

    # For the two sides that run tasks.

    @classmethod
    def arrived(cls, values: Mapping[str, Sealed], changed: Changed) -> TaskContext:
        """The context where a task runs in a process of its own: classes are imported as its host names them."""
        context = cls()
        for key, sealed in values.items():
            context._put(key, _opened(key, sealed, dynamic.find_importable))
        context._changed = changed
        return context

    @classmethod
    def here(cls, values: Mapping[str, Any]) -> TaskContext:
        """A context that stays in this interpreter: its values may be of any type."""
        context = cls()
        context._values.update(values)
        return context

    def packed(self) -> Dict[str, Any]:
        """The values as they cross. Raises Mismatch, since some may have changed after they were set."""
        plain = {}
        for key, value in self.values.items():
            try:
                plain[key] = dynamic.pack(value)
            except Mismatch as error:
                error.within(f"[{show(key)}]")
                raise
            self._known.update(_classes_in(plain[key]))
        return plain

    def take(self, changes: Mapping[str, Sealed]) -> None:
        """What a task set elsewhere. Raises Mismatch and WrongArgument."""
        for key, sealed in changes.items():
            self._put(key, _opened(key, sealed, self.find_class))

    def find_class(self, name: str) -> Optional[type]:
        """The class of that name, if a plugin's values may be made of it: nothing is imported."""
        return self._types.get(name) or (dynamic.find_loaded(name) if name in self._known else None)

    def begin(self, seconds: Optional[float]) -> None:
        """A task begins that has so many seconds; None: as many as it likes."""
        self._ends = None if seconds is None else time.monotonic() + seconds
        self.deadline = None if seconds is None else datetime.now(_UTC) + timedelta(seconds=seconds)

    def abandon(self) -> None:
        """Nobody waits for the task any longer: because of its deadline, where that is now, or else cancelled."""
        left = self.time_left()
        if left is not None and left < _NEARLY:
            self.end(DeadlineExceeded("the deadline of the task has passed"))
        else:
            self.cancel()

    def end(self, error: WeftError) -> None:
        """Set ``done``, unless it is, and cut short what is done on the context."""
        self.wind_down(error)
        with self._lock:
            self._cut = True
            cutters, self._cutters = self._cutters, []
        for cutter in cutters:
            cutter()

    def wind_down(self, error: WeftError) -> None:
        """Set ``done``, once, and leave the work the time that it takes to heed it."""
        with self._lock:
            if self._error is not None:
                return
            self._error = error
            watchers, self._watchers = self._watchers, []
        self._ended.set()
        for watcher in watchers:
            watcher()

    @contextlib.contextmanager
    def watched(self, watcher: Callable[[], None], *, cuts: bool = False) -> Iterator[None]:
        """Within the block, ``watcher()`` is called, in any thread, when ``done`` is set; at once when it is.

        With ``cuts``, only when the work is not to go on at all.
        """
        with self._lock:
            watchers = self._cutters if cuts else self._watchers
            ended = self._cut if cuts else self._error is not None
            if not ended:
                watchers.append(watcher)
        if ended:
            watcher()
        try:
            yield
        finally:
            with self._lock:
                for watchers in (self._watchers, self._cutters):
                    if watcher in watchers:
                        watchers.remove(watcher)

    def wait(self, timeout: Optional[float]) -> bool:
        """See Done.wait."""
        limits = [limit for limit in (timeout, self.time_left()) if limit is not None]
        return self._ended.wait(min(limits) if limits else None) or self._past()

    def __repr__(self) -> str:
        """The keys, without the values, which may hold secrets."""
        return f"TaskContext({', '.join(self.values)})"


BasePluginContext = TaskContext
"""Its name in szlabs go-plugin."""


class Done:
    """Whether the work is to stop. ``def`` code asks and waits for it as for an event, ``async def`` awaits it."""

    def __init__(self, context: TaskContext) -> None:
        self._context = context

    def is_set(self) -> bool:
        """Whether it is to stop."""
        return self._context.err is not None

    __bool__ = is_set

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Block this thread until it is set, or for ``timeout`` seconds; returns whether it is set."""
        return self._context.wait(timeout)

    def __await__(self) -> Generator[Any, None, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(ended.set)

        with self._context.watched(tell), contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(ended.wait(), self._context.time_left())


def _opened(key: str, sealed: Sealed, find_class: dynamic.FindClass) -> Any:
    try:
        return sealed.open(find_class)
    except Mismatch as error:
        error.within(f"[{show(key)}]")
        raise


def _classes_in(plain: Any) -> Iterator[str]:
    """The names of the classes of a packed value."""
    if type(plain) is list:
        for item in plain:
            yield from _classes_in(item)
    elif type(plain) is dict:
        for tag in ("$record", "$enum"):
            if tag in plain and len(plain) == 1:
                yield plain[tag][0]
        for item in plain.values():
            yield from _classes_in(item)
