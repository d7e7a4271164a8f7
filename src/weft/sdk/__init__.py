"""What a plugin's process runs, and what it may import: ``Context``, ``context()``, ``Metadata``, ``TaskContext``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.contracts.task_context import BasePluginContext, TaskContext
    from weft.sdk.metadata import Metadata
    from weft.sdk.plugin_context import Context, context

_HOMES = {
    "Context": "weft.sdk.plugin_context",
    "BasePluginContext": "weft.contracts.task_context",
    "Metadata": "weft.sdk.metadata",
    "TaskContext": "weft.contracts.task_context",
    "context": "weft.sdk.plugin_context",
}
__all__ = ["BasePluginContext", "Context", "Metadata", "TaskContext", "context"]


if not TYPE_CHECKING:  # where it would make every name Any

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'weft.sdk' has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(home), name)
