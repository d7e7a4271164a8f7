"""Every error that Weft raises, in one tree.

::

    WeftError
    ├── UsageError             the caller asked for something that makes no sense
    │   ├── UnknownPlugin      no plugin of that name
    │   ├── UnknownHook        a contract has no hook of that name
    │   ├── ContractError      a contract cannot be declared, described or used so
    │   ├── WrongArgument      an argument is not of the type that its contract says
    │   └── NotInThisVersion   a form, runtime or command that this version does not have
    ├── ManifestError          what a plugin says of itself is wrong; carries every Problem
    ├── PackageError           an archive or source was refused, a digest does not match
    ├── EnvironmentFailed      packages could not be resolved or installed; carries uv's explanation
    ├── LoadFailed             of several plugins some were not loaded; carries each one's error
    ├── Refused                policy, permission or a preloaded plugin says no
    ├── Conflict               a domain or name is taken, or another deploy of it is under way
    ├── StorageFailed          the server's own state could not be written or read
    ├── TransitionError        a lifecycle event that the state does not allow
    ├── DeadlineExceeded       no result within the time given
    ├── TaskCancelled          the context of a task was cancelled before the task was done
    ├── Overloaded             the plugin has as many calls in flight as it may
    ├── Unavailable            the plugin is starting, stopped, failed or disabled
    └── PluginError            the plugin caused it: plugin, version, type_name, message, traceback
        ├── StartFailed        it did not become ready
        │   └── ContractMismatch   it does not provide what a contract says
        ├── WrongResult        a result or item is not of the type that its contract says
        ├── InstanceLost       its process ended while the call was in flight
        ├── DrainEnded         its release was replaced, and limits.drain ran out
        └── ProtocolError      it sent what the protocol does not allow

This module is imported inside plugins too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Sequence


class WeftError(Exception):
    """The root. ``str(error)`` says what happened, why, and the remedy."""


class UsageError(WeftError):
    """The caller asked for something that makes no sense."""


class UnknownPlugin(UsageError):
    """No plugin of that name."""


class UnknownHook(UsageError, AttributeError):
    """An attribute of a hooks object that is no hook of its contract."""


class ContractError(UsageError):
    """A contract cannot be declared, described or used so."""


class WrongArgument(UsageError, TypeError):
    """An argument is not of the type that its contract says; the method was not called."""


class NotInThisVersion(UsageError):
    """A form, runtime or command that this version does not have."""


class Problem(NamedTuple):
    """One thing wrong in a manifest (or one note about it).

    ``path`` is the file, ``line`` is 1-based or None where unknown, ``key`` the dotted key or ''.
    """

    path: str
    line: Optional[int]
    key: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        key = f" {self.key}:" if self.key else ""
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{where}:{key} {self.message}{remedy}"


class ManifestError(WeftError):
    """What a plugin says of itself is wrong; every problem of the file at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PackageError(WeftError):
    """An archive or source was refused, or files do not match their digest."""


class EnvironmentFailed(WeftError):
    """Packages could not be resolved or installed. ``explanation`` is uv's own text."""

    def __init__(self, message: str, explanation: str = "") -> None:
        self.explanation = explanation
        super().__init__(f"{message}\n{explanation}" if explanation else message)


class LoadFailed(WeftError):
    """Of several plugins some were not loaded; the others run.

    ``errors``: why not, by name (by path, where there is no name); ``loaded``: the names of those that run.
    """

    def __init__(self, errors: Mapping[str, WeftError], loaded: Sequence[str] = ()) -> None:
        self.errors = dict(errors)
        self.loaded = tuple(loaded)
        count = f"{len(self.errors)} of {len(self.errors) + len(self.loaded)} plugins were not loaded"
        super().__init__("\n".join([f"{count}:", *(f"{name}: {error}" for name, error in self.errors.items())]))


class Refused(WeftError):
    """Policy, permission, or a preloaded plugin says no."""


class Conflict(WeftError):
    """A domain or name is taken, or another deploy of it is under way. ``plugin``: which one; '' where it is none."""

    def __init__(self, message: str, *, plugin: str = "") -> None:
        self.plugin = plugin
        super().__init__(message)


class StorageFailed(WeftError):
    """The server's own state could not be written or read."""


class TransitionError(WeftError):
    """A lifecycle event that the present state does not allow."""


class DeadlineExceeded(WeftError):
    """No result within the time given."""


class TaskCancelled(WeftError):
    """The context of a task was cancelled before the task was done."""


class Overloaded(WeftError):
    """The plugin has as many calls in flight as it may."""


class Unavailable(WeftError):
    """The plugin is starting, stopped, failed or disabled. ``retry_after``: seconds until asking again may help."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class PluginError(WeftError):
    """A plugin caused it.

    ``type_name`` and ``traceback`` are the plugin's own, as text ('' where there is none).
    """

    def __init__(
        self, message: str, *, plugin: str = "", version: str = "", type_name: str = "", traceback: str = ""
    ) -> None:
        self.plugin = plugin
        self.version = version
        self.type_name = type_name
        self.message = message
        self.traceback = traceback
        super().__init__(message)

    def __str__(self) -> str:
        who = f"plugin {self.plugin} {self.version}".strip() + ": " if self.plugin else ""
        kind = f"{self.type_name}: " if self.type_name else ""
        return f"{who}{kind}{self.message}"


class StartFailed(PluginError):
    """The plugin did not become ready."""


class ContractMismatch(StartFailed):
    """The plugin does not provide what a contract says: missing methods, other signatures, another major version."""


class WrongResult(PluginError):
    """A result or an item of a stream is not of the type that its contract says."""


class InstanceLost(PluginError):
    """The plugin's process ended while the call was in flight."""


class DrainEnded(PluginError):
    """The call's release was replaced, and ``limits.drain`` ran out before it finished."""


class ProtocolError(PluginError):
    """The plugin sent what the protocol does not allow."""
