"""What a plugin's process runs, and what a plugin may import: ``Context`` and ``context()``."""

from __future__ import annotations

from typing import Any

__all__ = ["Context", "context"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'weft.sdk' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module("weft.sdk.plugin_context"), name)
