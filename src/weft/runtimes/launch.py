"""What every runtime starts from, and what it gives: a launch in, an instance out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from weft.calls.channel import Channel, Methods
from weft.calls.direct import Direct
from weft.contracts.description import Contract
from weft.errors import WeftError
from weft.manifest.model import Limits, Permissions
from weft.settings import SandboxMode
from weft.types import OutputLine

Output = Callable[[OutputLine], None]
"""Told each line that an instance prints. Must not block."""
TAIL_LINES = 20
"""Lines of an instance's output that are kept with its end; the last."""
TAIL_WIDTH = 400
"""Characters that are kept of each."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Everything that a runtime needs to start one instance."""

    name: str
    version: str
    folder: Path
    entry: str | None
    provides: tuple[str, ...]
    limits: Limits
    interpreter: tuple[str, ...]
    """The interpreter and its flags."""
    helpers: Path | None
    data_dir: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    """The deployment's own environment variables."""
    permissions: Permissions = field(default_factory=Permissions)
    """What it may touch, as it was decided. ``read`` and ``write`` led through no link then: follow none there."""
    http_services: Mapping[str, Any] | None = None
    """The routes by which a task is served: ``driver`` and ``routes``, plain; None: by none."""
    sandbox: SandboxMode = "best-effort"
    """Whether it is refused a start where the machine cannot enforce all of that."""
    sockets: tuple[Path, ...] = ()
    """Unix sockets that it sees though it may not touch what lies beside them: who listens there looks at who comes."""
    contracts: tuple[Contract, ...] = ()
    """Contracts of the host that the plugin may provide; for those they are the authority."""
    peers: Methods = field(default_factory=dict)
    """What the plugin may ask of its host: the way to other plugins."""
    use: Callable[..., Any] | None = None
    """The same, for a plugin in the host's own interpreter: see ``Context.use``."""
    checked: bool = False
    """Whether calls in the host's own interpreter are checked as if they crossed to another."""
    report: Callable[..., None] = lambda _kind, _message, **_data: None
    """Told what happens to an instance: the kind of event, a sentence, and what belongs to it."""


@dataclass(frozen=True)
class Facts:
    """What an instance says of itself once it has started."""

    entry: str
    provides: tuple[str, ...]
    kind: str
    own_name: str
    described: Mapping[str, Any] = field(default_factory=dict)
    """Of each contract that it provides but ``web``, how the plugin itself describes it."""
    constants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of each of these the constants, plain."""
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each of these the methods that it lacks, and may."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the manifest that it says itself: ``title``, ``version``, ``authors``, ``homepage``."""


class Exceeded(NamedTuple):
    """A limit that an instance went beyond: its name (``memory``), and a sentence with the figure and the remedy."""

    name: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an instance ended; as text, a sentence that goes on after ``an instance``.

    ``how``: in words. ``code``: of its exit; ``signal``: the name of the one that ended it; None where it was neither.
    ``tail``: the last lines of its output. ``peak_memory``: bytes, where the machine tells.
    """

    how: str
    code: int | None = None
    signal: str | None = None
    limit: Exceeded | None = None
    tail: tuple[str, ...] = ()
    peak_memory: int | None = None

    @property
    def cause(self) -> str:
        """``limit``, ``signal``, ``exit``, or ``broken`` for one that the host had to end."""
        return "limit" if self.limit else "signal" if self.signal else "exit" if self.code is not None else "broken"

    def data(self) -> dict[str, Any]:
        """What an event has of it."""
        return {
            "code": self.code,
            "signal": self.signal,
            "limit": self.limit.name if self.limit else None,
            "tail": list(self.tail),
            "peak_memory": self.peak_memory,
        }

    def __str__(self) -> str:
        return f"{self.how}: {self.limit.sentence}" if self.limit is not None else self.how


def last_lines(output: str) -> tuple[str, ...]:
    """The end of an output, as far as it is kept: ``TAIL_LINES`` lines of ``TAIL_WIDTH`` characters."""
    return tuple(line[:TAIL_WIDTH] for line in output.splitlines()[-TAIL_LINES:])


@dataclass(frozen=True)
class Sandbox:
    """What keeps an instance from touching what it may not."""

    level: Literal["none", "partial", "full"] = "none"
    """``full``, ``partial`` or ``none``: whether all its permissions are enforced, some, or none."""
    details: Mapping[str, str] = field(default_factory=dict)
    """By permission, how it is enforced, or why it is not."""


class Instance(Protocol):
    """One running copy of a release."""

    @property
    def channel(self) -> Channel:
        """Where its calls go."""

    @property
    def pid(self) -> int | None:
        """The process's id; None where the runtime has no processes."""

    @property
    def facts(self) -> Facts:
        """What it said of itself when it had started."""

    @property
    def sandbox(self) -> Sandbox:
        """What was reached when it was started; the same for its life."""

    def direct(self, key: str) -> Direct | None:
        """The way to call its contract of that key where it lives in this interpreter; None: by its channel."""

    def bind(self, contract: Contract) -> None:
        """Tell it of a contract that was declared after it started. Raises ContractMismatch."""

    async def hung(self) -> str:
        """Wait until it can serve nothing any more, though it lives; returns why, in words."""

    async def ended(self) -> Ending:
        """Wait for its end, asked for or not."""

    def wind_down(self) -> None:
        """It is unloaded once what runs has ended: tell the tasks that do."""

    async def drained(self) -> None:
        """Wait until no call is in flight."""

    def fail(self, error: WeftError) -> None:
        """End the calls in flight with ``error``."""

    async def ping(self, timeout: float) -> None:
        """Ask for a sign of life. Raises DeadlineExceeded after ``timeout`` seconds."""

    async def stop(self, grace: float) -> None:
        """Let it shut down within ``grace`` seconds, then end it for certain. Safe to call twice."""

    def usage(self) -> Mapping[str, float]:
        """What it uses with its descendants, as far as the machine tells. Reads files: ask it in a thread.

        ``memory`` (bytes now), ``peak_memory``, ``cpu`` (seconds so far), ``processes``, ``disk`` (bytes of its data).
        """


class Runtime(Protocol):
    """Starts instances."""

    async def start(self, launch: Launch, output: Output) -> Instance:
        """Start one instance; returns when it is ready. Raises StartFailed, and leaves nothing behind."""

    async def close(self) -> None:
        """Once no instance is left: let go of what was kept for the next."""
