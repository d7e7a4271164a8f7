"""Calls as Go's net/rpc has them, whatever they are written in. Pure.

Source: Go's packages net/rpc and net/rpc/jsonrpc.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple, Protocol

from weft.errors import UsageError, WeftError
from weft.gob import Sign, Type

Taken = Callable[[], None]
"""Called once the argument's bytes are not held any more, so that other large ones may come."""
Answer = Any | Coroutine[Any, Any, Any]


class Call(NamedTuple):
    """One request. ``number`` is the client's, and goes back with the answer; ``argument`` is the codec's own form."""

    method: str
    number: Any
    argument: Any


class Method(NamedTuple):
    """What can be called: its argument's type, its result's, and what answers, at once or as a coroutine."""

    takes: Type
    gives: Type
    call: Callable[[Any, Taken], Answer]


Services = Mapping[str, Mapping[str, Method]]


class CannotCall(UsageError):  # noqa: N818 - as the tree of weft.errors
    """There is no such service or method; in Go's words."""


class Codec(Protocol):
    """One connection's calls, without I/O. What it raises otherwise than it says ends the connection: a WeftError."""

    def feed(self, data: bytes) -> None:
        """Take what arrived."""

    @property
    def waiting(self) -> int:
        """Bytes that came and are no whole call yet."""

    def next_call(self, at_most: int | None = None) -> Call | Sign:
        """The next call, or NEED_DATA; LARGE where it has more than ``at_most`` bytes, to be asked for in a thread."""

    def argument(self, call: Call, kind: Type) -> Any:
        """The call's argument as this type, whole. Raises WrongArgument, which ends nothing."""

    def answer(self, call: Call, kind: Type, value: Any) -> bytes:
        """The bytes that answer it with a value."""

    def refuse(self, call: Call, text: str) -> bytes:
        """The bytes that answer it with an error's text."""

    def last_words(self, text: str) -> bytes:
        """Why the connection ends, where it can be told."""


def find_method(name: str, services: Services) -> Method:
    """The method ``Service.Method``. Raises CannotCall."""
    service, dot, method = name.rpartition(".")
    if not dot:
        raise CannotCall(f"rpc: service/method request ill-formed: {name}")
    if service not in services:
        raise CannotCall(f"rpc: can't find service {name}")
    if method not in services[service]:
        raise CannotCall(f"rpc: can't find method {name}")
    return services[service][method]


class Ready(NamedTuple):
    """A call that can be begun, its argument the method's own now; or why it cannot."""

    call: Call
    method: Method | WeftError
    argument: Any = None


def prepare(codec: Codec, call: Call, services: Services) -> Ready:
    """Find what is called, and its argument."""
    bare = call._replace(argument=None)
    try:
        method = find_method(call.method, services)
        return Ready(bare, method, codec.argument(call, method.takes))
    except WeftError as error:
        return Ready(bare, error)
