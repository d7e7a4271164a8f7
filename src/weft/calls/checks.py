"""Checks of calls that cross nothing: values are looked at as if they did, and handed over as they are."""

from __future__ import annotations

from typing import Any, Callable, List, Sequence

from weft.contracts.description import Method, Mismatch
from weft.errors import WrongArgument, WrongResult


class Checks:
    """Of one method, called ``name`` in errors."""

    def __init__(self, declared: Method, name: str) -> None:
        self._declared = declared
        self._name = name

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """``call``, which gets every argument in its place, with checks before and after it."""

        async def later(*values: Any) -> Any:
            return self._result(await call(*self._arguments(values)))

        def now(*values: Any) -> Any:
            return self._result(call(*self._arguments(values)))

        async def items_later(*values: Any) -> Any:
            stream = call(*self._arguments(values))
            try:
                async for item in stream:
                    yield self._result(item)
            finally:
                await stream.aclose()

        def items(*values: Any) -> Any:
            for item in call(*self._arguments(values)):
                yield self._result(item)

        if self._declared.streams:
            return items_later if self._declared.asynchronous else items
        return later if self._declared.asynchronous else now

    def _arguments(self, values: Sequence[Any]) -> Sequence[Any]:
        declared, place = self._declared, self._declared.stream_in
        try:
            declared.unpack_arguments(declared.pack_arguments(values))
        except Mismatch as mismatch:
            raise self._wrong(mismatch) from None
        if place is None:
            return values
        checked: List[Any] = list(values)
        asynchronous = hasattr(values[place], "__aiter__")
        checked[place] = self._given_later(values[place]) if asynchronous else self._given(values[place])
        return checked

    async def _given_later(self, items: Any) -> Any:
        async for item in items:
            yield self._item(item)

    def _given(self, items: Any) -> Any:
        for item in items:
            yield self._item(item)

    def _item(self, item: Any) -> Any:
        try:
            self._declared.unpack_item(self._declared.pack_item(item))
        except Mismatch as mismatch:
            raise self._wrong(mismatch) from None
        return item

    def _wrong(self, mismatch: Mismatch) -> WrongArgument:
        return WrongArgument(f"{self._name}: {mismatch}")

    def _result(self, value: Any) -> Any:
        """A result, or an item of the result."""
        try:
            self._declared.unpack_result(self._declared.pack_result(value))
        except Mismatch as mismatch:
            raise WrongResult(f"{self._name} gave what its contract does not say: {mismatch}") from None
        return value
