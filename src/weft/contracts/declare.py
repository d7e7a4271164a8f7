"""The decorators that declare a contract: a Protocol class is read once, when it is declared.

``def`` and ``async def`` describe the same method. ``AsyncIterator`` and ``Iterator`` (and ``AsyncIterable``,
``AsyncGenerator``, ``Generator``, and as a result ``Iterable``) are streams; ``Callable`` parameters are callbacks;
properties and annotated attributes are constants. A method with a body is optional: a provider may lack it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, TypeVar, Union, overload

from weft.contracts.description import MODES, ON_ERROR, Contract, HookOptions
from weft.contracts.names import snake_case
from weft.errors import ContractError, UsageError

_ATTRIBUTE = "__weft_contract__" if sys.version_info >= (3, 12) else "_abc_weft_contract"
"""Before Python 3.12 isinstance with a runtime_checkable class takes any other attribute for one to be provided."""

OF_A_PLUGIN = "__weft_context__"
"""A global of the modules of a plugin that shares the host's interpreter: what it declares is not the host's."""

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])


@overload
def contract(cls: C) -> C: ...


@overload
def contract(*, name: Optional[str] = None, version: int = 1) -> Callable[[C], C]: ...


def contract(cls: Optional[C] = None, *, name: Optional[str] = None, version: int = 1) -> Union[C, Callable[[C], C]]:
    """Declare a Protocol class as a contract; ``name`` is the class's in snake_case, ``version`` the major one.

    Raises ContractError with everything of the class that cannot cross.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - strings in annotations may refer to what is local here
    names = {} if frame.f_locals is frame.f_globals else dict(frame.f_locals)
    foreign = OF_A_PLUGIN in frame.f_globals

    def declare(cls: C) -> C:
        setattr(cls, _ATTRIBUTE, replace(_read(cls, name, version, names), foreign=foreign))
        return cls

    return declare if cls is None else declare(cls)


@overload
def hook(mode: F) -> F: ...


@overload
def hook(
    mode: str = "collect",
    *,
    on_error: str = "fail",
    deadline: Optional[float] = None,
    optional: bool = False,
    wrapper: bool = False,
) -> Callable[[F], F]: ...


def hook(
    mode: Any = "collect",
    *,
    on_error: str = "fail",
    deadline: Optional[float] = None,
    optional: bool = False,
    wrapper: bool = False,
) -> Any:
    """Declare how a contract's method calls all of its providers.

    ``mode``: ``collect`` (a list of results), ``first`` (the first that is not None), ``pipeline`` (each result takes
    the place of the first argument, None leaves it) or ``notify`` (results are dropped). ``on_error``: ``fail``, or
    ``continue`` without a provider that fails, which is reported. ``deadline``: seconds for each provider.
    ``optional``: a provider may lack it. ``wrapper=True`` is for an implementation: a generator around the others.
    """
    if callable(mode):
        return hook()(mode)
    if mode not in MODES:
        raise ContractError(f"hook: there is no mode {mode!r}: use one of {', '.join(MODES)}")
    if on_error not in ON_ERROR:
        raise ContractError(f"hook: on_error cannot be {on_error!r}: use one of {', '.join(ON_ERROR)}")
    if deadline is not None and not deadline > 0:
        raise ContractError(f"hook: deadline must be a number of seconds above 0, found {deadline!r}")

    def mark(function: F) -> F:
        if wrapper:
            function.__weft_wrapper__ = True  # type: ignore[attr-defined]
        else:
            function.__weft_hook__ = HookOptions(mode, on_error, deadline)  # type: ignore[attr-defined]
            function.__weft_optional__ = optional  # type: ignore[attr-defined]
        return function

    return mark


def raises(*types: type) -> Callable[[F], F]:
    """Declare exceptions that come back to the caller as themselves; they are matched by the name of their class."""
    given: Sequence[Any] = types
    wrong = [found for found in given if not (isinstance(found, type) and issubclass(found, Exception))]
    if wrong or not types:
        found = ", ".join(repr(item)[:100] for item in wrong) or "nothing"
        raise ContractError(f"raises: expected classes of exceptions, found {found}")

    def mark(function: F) -> F:
        before = getattr(function, "__weft_raises__", ())
        function.__weft_raises__ = (*types, *before)  # type: ignore[attr-defined]
        return function

    return mark


def describe_as(contract: Contract, cls: C) -> C:
    """Make ``cls`` the class of a contract that is described already."""
    setattr(cls, _ATTRIBUTE, contract)
    return cls


def contract_of(cls: Any) -> Contract:
    """The contract that a class was declared as. Raises UsageError for another class, or anything else."""
    found = vars(cls).get(_ATTRIBUTE) if isinstance(cls, type) else None
    if isinstance(found, Contract):
        return found
    what = cls.__qualname__ if isinstance(cls, type) else repr(cls)[:100]
    raise UsageError(f"{what} is no contract: declare it with @weft.contract on a class that inherits Protocol")


def declared(name: Optional[str] = None) -> List[Contract]:
    """The contracts that this host has declared, or those of one name; of a key, the latest.

    Those that a plugin in the host's own interpreter declares for itself are not the host's.
    """
    from typing import Protocol

    found = {}
    for cls in _below(Protocol):
        contract = vars(cls).get(_ATTRIBUTE)
        if isinstance(contract, Contract) and name in (None, contract.name) and not contract.foreign:
            found[contract.key] = contract
    return list(found.values())


def _below(cls: Any) -> Iterator[Any]:
    for below in type.__subclasses__(cls):
        yield below
        yield from _below(below)


def _read(cls: Any, name: Optional[str], version: int, names: Dict[str, Any]) -> Contract:
    from weft.contracts.protocols import read_protocol

    title = snake_case(getattr(cls, "__name__", "")) if name is None else name
    read, problems = read_protocol(cls, title, version, names)
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise ContractError(f"contract {title} ({getattr(cls, '__qualname__', cls)}) cannot be declared:{listed}")
    return read
