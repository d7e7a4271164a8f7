"""The built-in contract ``lifecycle``: plugins that are told of the steps of others' lives."""

from __future__ import annotations

from typing import Protocol

from weft.contracts.declare import contract, hook


@contract
class Lifecycle(Protocol):
    """Told what happens to plugins, by ``provides: [lifecycle]``."""

    @hook(mode="notify", on_error="continue", deadline=30.0)
    async def moment(self, moment: str, plugin: str, version: str) -> None:
        """``moment``: ``before_`` or ``after_`` ``load``, ``start``, ``upgrade`` or ``unload``. It cannot refuse."""
