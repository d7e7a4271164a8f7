"""Negotiation: whether an object provides a contract, decided where the object lives, before the first call.

A class's instance, a module, or anything with callables of the right names is a provider. Its own annotations choose
the classes that it receives; what has none gets plain Python values.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Tuple

from weft.contracts.annotations import Annotations
from weft.contracts.comparison import adopt_method, compare, missing_method
from weft.contracts.description import Constant, Contract, Method
from weft.contracts.mismatch import Mismatch
from weft.contracts.shape import UNSAID
from weft.contracts.signatures import Reader
from weft.errors import ContractMismatch

__all__ = ["Implementation", "Implemented", "compare", "describe_provider", "implement", "kind_of"]


@dataclass(frozen=True)
class Implemented:
    """One method of a provider. ``method`` is the contract's, with converters to the provider's own classes.

    ``asynchronous``: ``call`` is an ``async def``, or an asynchronous generator; ``generator``: it yields, of either
    kind. ``wrapper``: it is marked with ``hook(wrapper=True)``.
    """

    method: Method
    call: Callable[..., Any]
    asynchronous: bool
    generator: bool
    wrapper: bool = False


@dataclass(frozen=True)
class Implementation:
    """What a provider has of a contract. ``missing``: methods that it may lack, and does; the host runs its own."""

    contract: Contract
    provider: Any
    methods: Dict[str, Implemented]
    missing: Tuple[str, ...]
    _constants: Dict[str, Any]

    def constants(self) -> Dict[str, Any]:
        """The values of the contract's constants, plain, as they were when the provider was taken."""
        return dict(self._constants)


def implement(contract: Contract, provider: object) -> Implementation:
    """Match ``provider`` with ``contract``. Raises ContractMismatch with every problem, both sides shown."""
    taking = _Taking(provider)
    methods = {name: found for name, method in contract.methods.items() for found in taking.method(method)}
    constants = {name: value for name, constant in contract.constants.items() for value in taking.constant(constant)}
    if taking.problems:
        listed = "".join(f"\n  {problem}" for problem in taking.problems)
        raise ContractMismatch(f"{_named(provider)} does not provide {contract.key}:{listed}")
    missing = tuple(name for name in contract.methods if name not in methods)
    return Implementation(contract, provider, methods, missing, constants)


class _Taking:
    """One negotiation under way."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self._annotations = Annotations()
        self.problems: List[str] = []

    def method(self, method: Method) -> List[Implemented]:
        call = getattr(self._provider, method.name, None)
        if call is None and method.optional:
            return []
        if not callable(call):
            self.problems.append(
                missing_method(method)
                if call is None
                else f"{method.name}: the contract says {method.signature()}, the plugin has "
                f"{type(call).__name__} of that name"
            )
            return []
        wrapper = bool(getattr(call, "__weft_wrapper__", False))
        described, problems = describe_callable(method.name, call, self._annotations)
        if not problems and described is not None and not wrapper:
            method, problems = adopt_method(method, _with_stars(call, described, method))
        self.problems += problems
        return [Implemented(method, call, *kind_of(call), wrapper)]

    def constant(self, constant: Constant) -> List[Any]:
        """Its plain value, alone; nothing where it is wrong, or need not be there."""
        says = f"{constant.name}: the contract says {constant.name}: {constant.shape}, the plugin has"
        try:
            value = getattr(self._provider, constant.name)
        except AttributeError:
            self.problems += [] if constant.optional else [f"{says} none"]
            return []
        try:
            plain = constant.shape.packed(value)
            constant.shape.unpack(plain)
        except Mismatch as error:
            self.problems.append(f"{says} another: {error}")
            return []
        return [plain]


def _with_stars(call: Any, described: Method, host: Method) -> Method:
    """``*args`` takes what the contract gives by position, ``**kwargs`` what it gives by name."""
    kinds = {parameter.kind for parameter in inspect.signature(call).parameters.values()}
    takes = {False: inspect.Parameter.VAR_POSITIONAL in kinds, True: inspect.Parameter.VAR_KEYWORD in kinds}
    known = {parameter.name for parameter in described.parameters}
    more = [replace(p, shape=UNSAID) for p in host.parameters if p.name not in known and takes[p.keyword_only]]
    return replace(described, parameters=(*described.parameters, *more))


def describe_callable(name: str, call: Any, annotations: Annotations) -> Tuple[Any, List[str]]:
    """A provider's method by its own signature (None where Python cannot tell it), and what of it cannot cross."""
    problems: List[str] = []
    reader = Reader(annotations, lambda where, text: problems.append(f"{name}, {where}: {text}"), lenient=True)
    try:
        return reader.method(name, call, bound=True), problems
    except ValueError:  # a builtin, without a signature
        return None, problems


def describe_provider(name: str, major: int, provider: Any) -> Contract:
    """What a provider has, by its own annotations: for a host that has no such contract."""
    annotations = Annotations()
    methods = {}
    for member in dir(provider):
        call = None if member.startswith("_") else inspect.getattr_static(provider, member, None)
        if call is None or isinstance(call, (property, type)) or not callable(getattr(provider, member, None)):
            continue
        method, problems = describe_callable(member, getattr(provider, member), annotations)
        if method is not None and not problems:
            methods[member] = method
    return Contract(name, major, inspect.getdoc(provider) or "", methods)


def kind_of(call: Any) -> Tuple[bool, bool]:
    """Whether it is asynchronous, and whether it is a generator."""
    function = inspect.unwrap(call)
    while hasattr(function, "func"):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    asynchronous = inspect.isasyncgenfunction(function)
    return (
        asynchronous or inspect.iscoroutinefunction(function),
        asynchronous or inspect.isgeneratorfunction(function),
    )


def _named(provider: Any) -> str:
    if inspect.ismodule(provider):
        return f"module {provider.__name__}"
    cls = provider if isinstance(provider, type) else type(provider)
    return f"{cls.__module__}.{cls.__qualname__}"
