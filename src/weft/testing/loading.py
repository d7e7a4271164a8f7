"""One plugin for one test: loaded in a ``with`` or ``async with`` block, and stopped at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, overload

from weft.engine import Plugin
from weft.testing.engine import Engine, SyncEngine, Where

C = TypeVar("C")


class Loading(Generic[C]):
    """``async with`` it where an event loop runs, ``with`` it where none does.

    Either gives the plugin as ``contract``; without one, the engine that it was loaded into. Raises what
    ``weft.Engine.load`` and ``use`` raise.
    """

    def __init__(
        self,
        state: Path,
        source: str | Path,
        contract: Callable[..., C] | None,
        runtime: Where | None,
        given: Mapping[str, Any],
    ) -> None:
        self._options = {"state": state, "runtime": runtime, "contracts": [contract] if contract is not None else None}
        self._source = source
        self._contract = contract
        self._given = given
        self._stack = ExitStack()
        self._asynchronous = AsyncExitStack()

    async def __aenter__(self) -> C:
        """Load it."""
        async with AsyncExitStack() as stack:
            engine = await stack.enter_async_context(Engine(**self._options))  # type: ignore[arg-type]
            used = self._used(engine, await engine.load(self._source, **self._given))
            self._asynchronous = stack.pop_all()
        return used

    async def __aexit__(self, *_: object) -> None:
        """Let calls finish, and stop it."""
        await self._asynchronous.aclose()

    def __enter__(self) -> C:
        """Load it, without await: the contract's methods are declared with ``def``."""
        with ExitStack() as stack:
            engine = stack.enter_context(SyncEngine(**self._options))  # type: ignore[arg-type]
            used = self._used(engine, engine.load(self._source, **self._given))
            self._stack = stack.pop_all()
        return used

    def __exit__(self, *_: object) -> None:
        """Let calls finish, and stop it."""
        self._stack.close()

    def _used(self, engine: Engine | SyncEngine, plugins: tuple[Plugin, ...]) -> C:
        if self._contract is None:
            return cast("C", engine)
        return engine.use(self._contract, plugins[0].name if len(plugins) == 1 else None)


class Load:
    """What the fixture ``weft_load`` gives. ``state``: the folder for data; ``runtime``: where nothing else is said."""

    def __init__(self, state: Path, runtime: Where | None) -> None:
        self._state = state
        self._runtime = runtime

    @overload
    def __call__(self, source: str | Path, *, runtime: Where | None = None, **given: Any) -> Loading[Any]: ...

    @overload
    def __call__(
        self, source: str | Path, contract: Callable[..., C], *, runtime: Where | None = None, **given: Any
    ) -> Loading[C]: ...

    def __call__(
        self,
        source: str | Path,
        contract: Callable[..., C] | None = None,
        *,
        runtime: Where | None = None,
        **given: Any,
    ) -> Loading[Any]:
        """The plugin at ``source``, to be entered. ``given``: what ``weft.Engine.load`` takes besides."""
        return Loading(self._state, source, contract, runtime or self._runtime, given)
