"""The engine without await."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec, Self, TypeVar

from weft import engine as asynchronous
from weft.contracts.declare import contract_of
from weft.engine import Plugin
from weft.engine.moments import Callback, Moment
from weft.errors import ContractError, Unavailable, UsageError
from weft.settings import BuildsMode, SandboxMode, SupervisionSettings
from weft.sync.blocking import blocking
from weft.sync.portal import Portal
from weft.sync.stream import Stream
from weft.types import Event, OutputLine

C = TypeVar("C")
P = ParamSpec("P")
T = TypeVar("T")
Awaited = Callable[Concatenate[asynchronous.Engine, P], Awaitable[T]]
"""A method of ``weft.Engine``, or another function of one."""

CLOSE_TIMEOUT = 60.0
"""Seconds in which an engine closes: plugins drain for 30 seconds as a rule, and have some to stop."""


def _without_await(method: Awaited[P, T]) -> Callable[Concatenate[Engine, P], T]:
    @wraps(method)
    def blocking(self: Engine, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.call(method, *args, **kwargs)

    return blocking


class Engine:
    """``weft.Engine`` for programs without an event loop: every thread may call it, and waits for the answer.

    Use it in a ``with`` block, or between ``start`` and ``close``. It runs on an event loop in a thread of its own,
    which ends with the process whether it was closed or not, and all plugins with it. The arguments are
    ``weft.Engine``'s; ``output`` is called on that loop and must not block.
    """

    def __init__(
        self,
        state: Path | None = None,
        *,
        contracts: Iterable[Callable[..., Any]] | None = None,
        output: Callable[[str, OutputLine], None] | None = None,
        checked: bool = False,
        sandbox: SandboxMode = "best-effort",
        builds: BuildsMode = "confined",
        supervision: SupervisionSettings | None = None,
    ) -> None:
        self._portal: Portal[asynchronous.Engine] = Portal(
            lambda: asynchronous.Engine(
                state,
                contracts=contracts,
                output=output,
                checked=checked,
                supervision=supervision,
                elsewhere=partial(blocking, self._portal),
                sandbox=sandbox,
                builds=builds,
            )
        )

    def start(self) -> Self:
        """Start the engine's thread. Raises UsageError when it was started before, or where an event loop runs."""
        self._portal.open()
        return self

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Drain and stop everything. Safe to call twice; in a forked child there is nothing to do.

        Raises DeadlineExceeded after ``timeout`` seconds; what still runs then ends with the process.
        """
        self._portal.close(timeout)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise UsageError("an engine belongs to its process and cannot be sent to another: make one there")

    def call(self, method: Awaited[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``await method(engine, ...)`` on the engine's loop: ``engine.call(weft.Engine.restart, "shop")``.

        Raises what it raises, and UsageError where it would wait for itself: on an event loop, or in a forked child.
        """
        return self._portal.run(method, self._portal.resource, *args, **kwargs)

    load = _without_await(asynchronous.Engine.load)
    load_installed = _without_await(asynchronous.Engine.load_installed)
    upgrade = _without_await(asynchronous.Engine.upgrade)
    unload = _without_await(asynchronous.Engine.unload)
    collect = _without_await(asynchronous.Engine.collect)

    @property
    def plugins(self) -> Mapping[str, Plugin]:
        """What is loaded now, by name."""
        return self.call(_plugins)

    def plugin(self, name: str) -> Plugin:
        """The plugin of that name. Raises UnknownPlugin, which lists what there is."""
        return self.call(_plugin, name)

    def use(self, contract: Callable[..., C], name: str | None = None) -> C:
        """The plugin or component ``name``, or the only one that provides ``contract``, as an object with its methods.

        See ``weft.Engine.use``. Raises ContractError for a contract that is declared with ``async def``.
        """
        return self.call(_use, _plain(contract), name)

    def all(self, contract: Callable[..., C]) -> dict[str, C]:
        """Every plugin that provides ``contract`` by its name, every component by its id: see ``use``."""
        return self.call(_all, _plain(contract))

    def hooks(self, contract: Callable[..., Any]) -> Any:
        """One object for all providers: see ``weft.Engine.hooks``. Raises ContractError as ``use`` does."""
        return self.call(_hooks, _plain(contract))

    def at(self, moment: Moment, callback: Callback) -> None:
        """See ``weft.Engine.at``."""
        self.call(_at, moment, callback)

    def events(self) -> Stream[Event]:
        """What happens from now on, until the engine has ended. A slow consumer misses the oldest."""
        return _Events(self._portal, self._portal.resource.events).begin()


class _Events(Stream[Event]):
    def __next__(self) -> Event:
        try:
            return super().__next__()
        except Unavailable:
            raise StopIteration from None


def _plain(contract: Callable[..., C]) -> Callable[..., C]:
    """The contract, if no method of it has to be awaited."""
    described = contract_of(contract)
    awaited = [name for name, method in described.methods.items() if method.asynchronous]
    if awaited:
        raise ContractError(
            f"contract {described.name} declares {', '.join(awaited)} with `async def` or AsyncIterator, which nobody "
            "can wait for here: declare the same with `def` and Iterator, or use weft.Engine"
        )
    return contract


# What belongs to the loop is asked there.


async def _use(engine: asynchronous.Engine, contract: Callable[..., C], name: str | None) -> C:
    return engine.use(contract, name)


async def _at(engine: asynchronous.Engine, moment: Moment, callback: Callback) -> None:
    engine.at(moment, callback)


async def _all(engine: asynchronous.Engine, contract: Callable[..., C]) -> dict[str, C]:
    return engine.all(contract)


async def _hooks(engine: asynchronous.Engine, contract: Callable[..., Any]) -> Any:
    return engine.hooks(contract)


async def _plugins(engine: asynchronous.Engine) -> Mapping[str, Plugin]:
    return dict(engine.plugins)


async def _plugin(engine: asynchronous.Engine, name: str) -> Plugin:
    return engine.plugin(name)
