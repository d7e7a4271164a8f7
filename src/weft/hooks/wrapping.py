"""Wrappers: generators that run before a chain until their one yield, get its result there, and return another."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from weft.errors import PluginError
from weft.hooks.hook import Hook, Implementation

Running = Generator[Any, Any, Any]


def surround(
    chain: Callable[..., Any],
    wrapper: Implementation,
    hook: Hook,
    report: Callable[[str, Exception], None],
    *,
    asynchronous: bool,
) -> Callable[..., Any]:
    """``chain`` within ``wrapper``.

    Where ``hook.on_error`` is ``continue``, a wrapper that fails is reported and left out: the chain's own result
    stands. An error of the chain that passes through a wrapper, or that it replaces, is no failure of the wrapper.
    """
    layer = _Layer(wrapper, hook, report)
    return _asynchronous(chain, layer) if asynchronous else _synchronous(chain, layer)


def _synchronous(chain: Callable[..., Any], layer: _Layer) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        running = layer.begin(args, kwargs)
        if running is None:
            return chain(*args, **kwargs)
        try:
            result = chain(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 a wrapper sees what its chain raised, whatever it is
            return layer.throw(running, error)
        return layer.send(running, result)

    return wrapped


def _asynchronous(chain: Callable[..., Any], layer: _Layer) -> Callable[..., Any]:
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        running = layer.begin(args, kwargs)
        if running is None:
            return await chain(*args, **kwargs)
        try:
            result = await chain(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 as above, cancellation included
            return layer.throw(running, error)
        return layer.send(running, result)

    return wrapped


@dataclass(frozen=True)
class _Layer:
    """One wrapper of a chain; each call of the chain runs it once, from ``begin`` to ``send`` or ``throw``."""

    wrapper: Implementation
    hook: Hook
    report: Callable[[str, Exception], None]

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Running | None:
        """The wrapper at its yield; None where it failed and is left out."""
        try:
            running: Running = self.wrapper.call(*args, **kwargs)
            self._reach_yield(running)
        except Exception as error:  # noqa: BLE001 whatever it is, it is raised again or reported
            self._leave_out(error)
            return None
        return running

    def send(self, running: Running, result: Any) -> Any:
        """What the wrapper makes of the chain's result."""
        try:
            return self._end(running, lambda: running.send(result))
        except Exception as error:  # noqa: BLE001 as above
            self._leave_out(error)
            return result

    def throw(self, running: Running, error: BaseException) -> Any:
        """What the wrapper makes of the chain's error; cancellation and the like go on whatever it makes of them."""
        result = self._end(running, lambda: running.throw(error))
        if not isinstance(error, Exception):
            raise error
        return result

    def _reach_yield(self, running: Running) -> None:
        try:
            next(running)
        except StopIteration:
            raise self._wrong("did not yield") from None

    def _end(self, running: Running, resume: Callable[[], Any]) -> Any:
        try:
            resume()
        except StopIteration as end:
            return end.value
        with suppress(RuntimeError):  # it may yield once more even when it is closed; the error below says enough
            running.close()
        raise self._wrong("yielded a second time")

    def _wrong(self, did: str) -> PluginError:
        message = f"its wrapper of hook {self.hook} {did}: a wrapper yields exactly once, and returns the result"
        return PluginError(message, plugin=self.wrapper.provider)

    def _leave_out(self, error: Exception) -> None:
        if self.hook.on_error == "fail":
            raise error
        self.report(self.wrapper.provider, error)
