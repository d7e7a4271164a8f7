"""Weft: a plugin engine for Python, and a server built on it.

Names are loaded on first use (PEP 562), so that importing a contract's module costs a plugin nothing.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Engine": "weft.engine",
    "Plugin": "weft.engine",
    "WeftError": "weft.errors",
    "PluginError": "weft.errors",
    "DeadlineExceeded": "weft.errors",
}
__all__ = ["DeadlineExceeded", "Engine", "Plugin", "PluginError", "WeftError", "__version__"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)
