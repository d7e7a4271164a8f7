"""The caller's side of typed calls: an object whose methods are a contract's.

Each method is a function of its own, generated with the exact signature that the contract declares, and keeps working
over upgrades: what it leads to, its target, is exchanged under it.
"""

from __future__ import annotations

import keyword
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Protocol, Sequence, Tuple

from weft.calls.channel import Channel
from weft.calls.deadline import bounded
from weft.calls.exchange import Exchange, Stream
from weft.calls.faults import DeclaredError, Faults
from weft.calls.tally import Tally
from weft.contracts import description
from weft.contracts.description import Contract, Mismatch
from weft.errors import ContractError, WeftError, WrongArgument, WrongResult


class Callee(Protocol):
    """Whom a proxy calls: at each call the channel that is right then."""

    @property
    def name(self) -> str:
        """The plugin's name."""

    @property
    def version(self) -> str:
        """The version that answers."""

    @property
    def call_timeout(self) -> Optional[float]:
        """Seconds that a call may take, where no deadline is nearer."""

    @property
    def tally(self) -> Tally:
        """Counts its calls; the same for its life."""

    def pick(self) -> Channel:
        """The channel for the next call. Raises Unavailable."""


class Target(NamedTuple):
    """What a proxy's method leads to.

    ``call`` gets every argument in its place. ``running`` grows by one thing for each call under way. ``translated``
    turns whatever ``call`` raises into what the caller gets.
    """

    call: Callable[..., Any]
    running: List[None]
    translated: Callable[[BaseException], BaseException]


class Method:
    """One method of a proxy: ``call`` is what its user has; ``lead_to(target)`` exchanges what it does."""

    __slots__ = ("_lead_to", "call")

    def __init__(self, described: description.Method, target: Target) -> None:
        space = _namespace(described)
        exec(_source(described), space)  # noqa: S102 (made of checked names alone)
        self.call, self._lead_to = space["__make"](*target)
        self.call.__doc__ = described.doc

    def lead_to(self, target: Target) -> None:
        """From the next call on; those under way are not concerned."""
        self._lead_to(*target)


_PLAIN = """\
def __make(__call, __running, __translated):
    {define} {name}({parameters}):
        (__mine := __running).append(None)
        try:
            return {await_}__call({arguments})
        except BaseException as __error:
            raise __translated(__error)
        finally:
            __mine.pop()
    def __lead_to(*__target):
        nonlocal __call, __running, __translated
        __call, __running, __translated = __target
    return {name}, __lead_to
"""
_BRIEF = """\
def __make(__call, __running, __translated):
    def {name}({parameters}):
        try:
            return __call({arguments})
        except BaseException as __error:
            raise __translated(__error)
    return {name}, None
"""
_STREAM = """\
def __make(__call, __running, __translated):
    def {name}({parameters}):
        return __call({arguments})
    def __lead_to(*__target):
        nonlocal __call
        __call = __target[0]
    return {name}, __lead_to
"""
"""A stream is under way for longer than the call that makes it: it counts itself, and translates its errors."""


def brief(described: description.Method, target: Target) -> Callable[..., Any]:
    """A plain ``def`` function that leads to one target for good, and does not count its calls.

    For whoever makes another when the target changes, and calls it where nothing else can happen meanwhile.
    """
    space = _namespace(described)
    exec(_source(described, _BRIEF), space)  # noqa: S102 (made of checked names alone)
    call: Callable[..., Any] = space["__make"](*target)[0]
    return call


def _source(described: description.Method, template: str = "") -> str:
    names = [each.name for each in described.parameters]
    for name in (described.name, *names):
        if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__"):
            raise ContractError(f"{name!r} is no name for a method or parameter: rename it")
    return (template or (_STREAM if described.streams else _PLAIN)).format(
        define="async def" if described.asynchronous else "def",
        await_="await " if described.asynchronous else "",
        name=described.name,
        parameters=", ".join(_parameters(described)),
        arguments=", ".join(names),
    )


def _namespace(described: description.Method) -> Dict[str, Any]:
    return {f"__default_{each.name}": each.default for each in described.parameters if not each.required}


def _parameters(described: description.Method) -> List[str]:
    written, keywords = [], False
    for each in described.parameters:
        if each.keyword_only and not keywords:
            keywords = True
            written.append("*")
        written.append(each.name if each.required else f"{each.name}=__default_{each.name}")
    return written


class Proxy:
    """The base of every proxy. Its methods and constants are attributes of the one object."""

    def __init__(self, contract: Contract, who: str) -> None:
        self._described = f"<{contract.key} of {who}>"

    def __repr__(self) -> str:
        """The contract and who provides it."""
        return self._described


def proxy(contract: Contract, who: str, targets: Mapping[str, Target]) -> Tuple[Any, Dict[str, Method]]:
    """An object with the contract's methods, and these by name, so that they can be led elsewhere."""
    made = Proxy(contract, who)
    methods = {name: Method(each, targets[name]) for name, each in contract.methods.items()}
    for name, each in methods.items():
        each.call.__qualname__ = f"{contract.name}.{name}"
        setattr(made, name, each.call)
    return made, methods


def channel_targets(contract: Contract, callee: Callee) -> Dict[str, Target]:
    """Targets that call through the callee's channel: values cross it in their plain form."""
    running: List[None] = []
    return {name: channel_target(contract, each, callee, running) for name, each in contract.methods.items()}


def channel_target(contract: Contract, described: description.Method, callee: Callee, running: List[None]) -> Target:
    """A target for one method of the contract."""
    return Target(_call(contract, described, callee), running, _as_it_is)


def _as_it_is(error: BaseException) -> BaseException:
    return error


def _call(contract: Contract, described: description.Method, callee: Callee) -> Callable[..., Any]:
    caller = _Caller(contract, described, callee)
    if described.streams:
        return caller.stream
    if described.stream_in is not None or described.callbacks:
        return caller.exchange
    return caller.plain()


class _Caller:
    """Calls one method over a channel."""

    def __init__(self, contract: Contract, described: description.Method, callee: Callee) -> None:
        self.name = f"{contract.name}.{described.name}"
        self._described = described
        self._callee = callee

    def plain(self) -> Callable[..., Any]:
        """For a call without items."""
        name, callee, described = self.name, self._callee, self._described
        pack = described.pack_arguments if described.packs_arguments else None
        unpack, exact = described.unpack_result, described.result.exact
        pick, tally = callee.pick, callee.tally

        async def target(*values: Any) -> Any:
            tally.calls += 1
            plain: Sequence[Any] = values
            if pack is not None:
                try:
                    plain = pack(values)
                except Mismatch as mismatch:
                    raise self._wrong_argument(mismatch) from None
            try:
                result = await pick().call(name, plain, timeout=bounded(callee.call_timeout))
                return result if type(result) in exact else unpack(result)
            except (WeftError, Mismatch, TypeError) as error:
                raise self._failed(error) from None

        return target

    async def exchange(self, *values: Any) -> Any:
        """A call with a stream argument or callbacks."""
        try:
            exchange = self._open(values)
            try:
                return self._described.unpack_result(await exchange.answer)
            finally:
                exchange.cancel()
        except (WeftError, Mismatch, TypeError) as error:
            raise self._failed(error) from None

    def stream(self, *values: Any) -> Stream:
        """A call whose result is a stream."""
        return Stream(lambda: self._open(values), self._failed)

    def _open(self, values: Tuple[Any, ...]) -> Exchange:
        described, callee = self._described, self._callee
        callee.tally.calls += 1
        faults = Faults(callee.name, callee.version)
        try:
            plain = self._sendable(described.pack_arguments(values))
        except Mismatch as mismatch:
            raise self._wrong_argument(mismatch) from None
        exchange = Exchange(described, values, faults, described.unpack_result)
        exchange.open(callee.pick(), self.name, plain, bounded(callee.call_timeout))
        return exchange

    def _sendable(self, plain: Sequence[Any]) -> List[Any]:
        """A stream or a callback stays here: in its place goes whether there is one."""
        stays = {*self._described.callbacks, self._described.stream_in}
        return [value is not None if place in stays else value for place, value in enumerate(plain)]

    def _failed(self, error: BaseException) -> BaseException:
        """What the caller gets to see of an error, which is counted."""
        if isinstance(error, Mismatch):
            who = {"plugin": self._callee.name, "version": self._callee.version}
            error = WrongResult(f"{self.name} gave what its contract does not say: {error}", **who)
        elif type(error) is TypeError:
            error = self._wrong_argument(error)
        self._callee.tally.failed(error)
        return error.itself(self._described.raises) if isinstance(error, DeclaredError) else error

    def _wrong_argument(self, why: Exception) -> WrongArgument:
        return WrongArgument(f"{self.name}: {why}")
