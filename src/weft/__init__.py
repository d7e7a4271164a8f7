"""Weft: a plugin engine for Python, and a server built on it.

Names are loaded on first use (PEP 562), so that importing a contract's module costs a plugin nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.calls.deadline import deadline
    from weft.contracts.declare import contract, hook, raises
    from weft.contracts.storage import Storage
    from weft.contracts.task import Task
    from weft.contracts.task_context import TaskContext
    from weft.engine import Engine, Plugin
    from weft.errors import DeadlineExceeded, PluginError, WeftError

__version__ = "0.1.0"

_HOMES = {
    "Engine": "weft.engine",
    "Plugin": "weft.engine",
    "WeftError": "weft.errors",
    "PluginError": "weft.errors",
    "DeadlineExceeded": "weft.errors",
    "deadline": "weft.calls.deadline",
    "contract": "weft.contracts.declare",
    "hook": "weft.contracts.declare",
    "raises": "weft.contracts.declare",
    "Storage": "weft.contracts.storage",
    "Task": "weft.contracts.task",
    "TaskContext": "weft.contracts.task_context",
}
_MODULES = frozenset({"asgi", "manager", "sdk", "sync", "testing"})
"""Packages that ``import weft`` makes reachable, each loaded when it is first named."""
__all__ = [
    "DeadlineExceeded",
    "Engine",
    "Plugin",
    "PluginError",
    "Storage",
    "Task",
    "TaskContext",
    "WeftError",
    "__version__",
    "contract",
    "deadline",
    "hook",
    "raises",
]


if not TYPE_CHECKING:  # where it would make every name Any

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name in _MODULES:
            return import_module(f"weft.{name}")
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'weft' has no attribute {name!r}")
        return getattr(import_module(home), name)
