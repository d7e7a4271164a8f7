"""A chain as one function, unrolled: no loop and no look-up between its implementations."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from weft.errors import DeadlineExceeded, UsageError
from weft.hooks.hook import Hook, Implementation
from weft.hooks.signature import arguments, define
from weft.hooks.wrapping import surround

Report = Callable[[str, Exception], None]
"""Told of an implementation that failed and was left out: its provider, and the error."""

STEPS = {
    "collect": "__results.append({call})",
    "first": "if (__result := {call}) is not None: return __result",
    "pipeline": "if (__result := {call}) is not None: {first} = __result",
    "notify": "{call}",
}
ENDS = {"collect": "return __results", "first": "return None", "pipeline": "return {first}", "notify": "return None"}


def compile_chain(
    hook: Hook, implementations: Sequence[Implementation], *, asynchronous: bool, report: Report
) -> Callable[..., Any]:
    """One function with the hook's signature that calls ``implementations``, which come in order.

    An asynchronous chain is a coroutine function, and awaits each implementation before the next; a synchronous one
    takes plain functions only. ``report`` is told where ``on_error`` is ``continue``. Raises UsageError for an
    implementation that the chain cannot call.
    """
    _check(hook, implementations, asynchronous=asynchronous)
    chain = _unrolled(hook, [each for each in implementations if not each.wrapper], report, asynchronous=asynchronous)
    wrappers = [each for each in implementations if each.wrapper]
    return _wrapped(hook, wrappers, chain, report, asynchronous=asynchronous) if wrappers else chain


def _check(hook: Hook, implementations: Iterable[Implementation], *, asynchronous: bool) -> None:
    if hook.deadline is not None and not asynchronous:
        raise UsageError(f"hook {hook}: a synchronous chain cannot keep a deadline: use an asynchronous one")
    for each in implementations:
        who = f"plugin {each.provider}: its"
        if each.wrapper and not inspect.isgeneratorfunction(each.call):
            raise UsageError(f"{who} wrapper of hook {hook} is no generator function: let it `yield` once, plainly")
        if not each.wrapper and not asynchronous and inspect.iscoroutinefunction(each.call):
            raise UsageError(f"{who} hook {hook} is `async def`, and the chain is synchronous: make it `def`")


def _unrolled(
    hook: Hook, implementations: Sequence[Implementation], report: Report, *, asynchronous: bool
) -> Callable[..., Any]:
    calls = [_call(hook, at, asynchronous=asynchronous) for at in range(len(implementations))]
    names: dict[str, Any] = {"__Exception": Exception, "__report": report, "__within": _limit(hook)}
    for at, each in enumerate(implementations):
        names |= {f"__call{at}": each.call, f"__provider{at}": each.provider}
    return define(hook, _body(hook, calls), names, asynchronous=asynchronous)


def _wrapped(
    hook: Hook, wrappers: Sequence[Implementation], chain: Callable[..., Any], report: Report, *, asynchronous: bool
) -> Callable[..., Any]:
    for each in reversed(wrappers):
        chain = surround(chain, each, hook, report, asynchronous=asynchronous)
    call = f"__chain({arguments(hook)})"
    body = [f"return await {call}" if asynchronous else f"return {call}"]
    return define(hook, body, {"__chain": chain}, asynchronous=asynchronous)


def _call(hook: Hook, at: int, *, asynchronous: bool) -> str:
    call = f"__call{at}({arguments(hook)})"
    if hook.deadline is not None:
        call = f"__within(__provider{at}, {call})"
    return f"await {call}" if asynchronous else call


def _body(hook: Hook, calls: Sequence[str]) -> list[str]:
    if hook.mode == "collect" and hook.on_error == "fail":
        return [f"return [{', '.join(calls)}]"]
    first = hook.parameters[0].name if hook.parameters else ""
    steps = [STEPS[hook.mode].format(call=call, first=first) for call in calls]
    if hook.on_error == "continue":
        steps = [line for at, step in enumerate(steps) for line in _guarded(at, step)]
    start = ["__results = []"] if hook.mode == "collect" else []
    return [*start, *steps, ENDS[hook.mode].format(first=first)]


def _guarded(at: int, step: str) -> list[str]:
    return ["try:", f"    {step}", "except __Exception as __error:", f"    __report(__provider{at}, __error)"]


def _limit(hook: Hook) -> Callable[[str, Awaitable[Any]], Awaitable[Any]]:
    """Awaits an implementation for as long as the hook's deadline allows."""

    async def within(provider: str, result: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(hook.deadline) as limit:
                return await result
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise DeadlineExceeded(
                f"plugin {provider}: hook {hook}: no result within {hook.deadline:g} s: "
                "give the hook a longer deadline, or let the plugin do less"
            ) from error

    return within
