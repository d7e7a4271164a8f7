"""What a chain is made of: the hook as its contract declares it, and the functions that providers give for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from weft.errors import UsageError

MODES = ("collect", "first", "pipeline", "notify")
ON_ERROR = ("fail", "continue")


class Parameter(Protocol):
    """One parameter of a hook. ``default`` counts where it is not ``required``."""

    @property
    def name(self) -> str: ...
    @property
    def keyword_only(self) -> bool: ...
    @property
    def required(self) -> bool: ...
    @property
    def default(self) -> Any: ...


class Options(Protocol):
    """How a method's providers are called."""

    @property
    def mode(self) -> str: ...
    @property
    def on_error(self) -> str: ...
    @property
    def deadline(self) -> float | None: ...


class Method(Protocol):
    """One method of a contract; ``hook`` is None where the method is no hook."""

    @property
    def doc(self) -> str: ...
    @property
    def parameters(self) -> Sequence[Parameter]: ...
    @property
    def hook(self) -> Options | None: ...


class Contract(Protocol):
    """A contract, as far as its hooks are concerned. ``key`` is ``name@major``."""

    @property
    def key(self) -> str: ...
    @property
    def methods(self) -> Mapping[str, Method]: ...


@dataclass(frozen=True)
class Hook:
    """One hook, ``name`` of ``contract`` (``name@major``), with one of MODES and one of ON_ERROR.

    ``deadline``: seconds per implementation, None for no limit.
    Raises UsageError for options that make no sense.
    """

    contract: str
    name: str
    parameters: Sequence[Parameter] = ()
    mode: str = "collect"
    on_error: str = "fail"
    deadline: float | None = None
    doc: str = ""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"hook {self}: mode is one of {', '.join(MODES)}, not {self.mode!r}")
        if self.on_error not in ON_ERROR:
            raise UsageError(f"hook {self}: on_error is one of {', '.join(ON_ERROR)}, not {self.on_error!r}")
        if self.deadline is not None and not self.deadline > 0:
            raise UsageError(f"hook {self}: a deadline is more than 0 seconds, not {self.deadline!r}")
        if self.mode == "pipeline" and not self.parameters:
            raise UsageError(f"hook {self}: a pipeline hands its first argument on, and this has none: add a parameter")

    def __str__(self) -> str:
        return f"{self.contract}.{self.name}"


@dataclass(frozen=True)
class Implementation:
    """A provider's function for one hook; as a ``wrapper``, a generator function that yields once around the others."""

    provider: str
    call: Callable[..., Any]
    wrapper: bool = False
