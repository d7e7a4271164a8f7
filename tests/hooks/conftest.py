"""Hooks and contracts as plain data, and chains that run the same whether they are asynchronous or not."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from weft.hooks import Hook, Implementation, compile_chain


@dataclass(frozen=True)
class Parameter:
    name: str
    keyword_only: bool = False
    required: bool = True
    default: Any = None


@dataclass(frozen=True)
class Options:
    mode: Any = "collect"
    on_error: Any = "fail"
    deadline: float | None = None


@dataclass(frozen=True)
class Method:
    parameters: tuple[Parameter, ...] = (Parameter("text"),)
    hook: Options | None = Options()
    doc: str = ""


@dataclass(frozen=True)
class Contract:
    methods: dict[str, Method] = field(default_factory=lambda: {"render": Method()})
    key: str = "page@1"


@pytest.fixture
def shapes():
    """The classes of parameters, options, methods and contracts."""
    return type("Shapes", (), {"Parameter": Parameter, "Options": Options, "Method": Method, "Contract": Contract})


@dataclass
class Chain:
    """A compiled chain in either kind: ``chain(…)`` is its result, ``reported`` what it left out."""

    asynchronous: bool
    reported: list[tuple[str, Exception]] = field(default_factory=list)
    function: Callable[..., Any] = print

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        outcome = self.function(*args, **kwargs)
        return asyncio.run(outcome) if self.asynchronous else outcome


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def chain(request):
    """``chain(*calls, mode=…)``: a chain of these functions; each is a plugin named p0, p1 …, generators wrap."""

    def make(*calls, parameters=(Parameter("text"),), **options) -> Chain:
        made = Chain(request.param)
        given = [
            Implementation(f"p{at}", *_fitting(call, asynchronous=made.asynchronous)) for at, call in enumerate(calls)
        ]
        made.function = compile_chain(
            Hook("page@1", "render", parameters, **options),
            given,
            asynchronous=made.asynchronous,
            report=lambda provider, error: made.reported.append((provider, error)),
        )
        return made

    return make


def _fitting(call: Callable[..., Any], *, asynchronous: bool) -> tuple[Callable[..., Any], bool]:
    """The function as a chain of this kind takes it, and whether it is a wrapper."""
    if inspect.isgeneratorfunction(call):
        return call, True

    async def awaited(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return call(*args, **kwargs)

    return (awaited if asynchronous else call), False
