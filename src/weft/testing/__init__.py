"""For those who test plugins, contracts and runtimes: the pytest plugin, the conformance kit, and the checker.

pytest finds ``weft.testing.plugin`` by itself, and with it the fixtures ``weft_load``, ``weft_runtime`` and
``weft_state``. ``weft.testing.kit`` is what every runtime passes, ``weft.testing.capabilities`` what some cannot do.
``python -m weft.testing.conformance SOURCE`` checks a plugin against the contracts that it says it provides.

Names are loaded on first use: pytest imports this package wherever Weft is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.testing.engine import Engine, SyncEngine
    from weft.testing.loading import Load, Loading

_HOMES = {
    "Engine": "weft.testing.engine",
    "SyncEngine": "weft.testing.engine",
    "Load": "weft.testing.loading",
    "Loading": "weft.testing.loading",
}
__all__ = ["Engine", "Load", "Loading", "SyncEngine"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'weft.testing' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 (lazy, as all here)

    return getattr(import_module(home), name)
