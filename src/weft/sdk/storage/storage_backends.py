# /// script
# dependencies = []
# [tool.weft]
# name = "storage"
# runtime = "inline"
# ///
"""The storage backends that Weft brings, as a plugin of Stockpile's form. Settings of each stand under its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft import __version__
from weft.sdk.storage.file import File
from weft.sdk.storage.memory import Memory

if TYPE_CHECKING:
    from weft.sdk.components import Registry

Metadata = {"Name": "Storage", "Version": __version__, "Authors": ["The Weft maintainers"]}


def initialize_plugin(ctx: Registry) -> None:
    """Register both."""
    ctx.register_storage_backend("memory", lambda config: Memory(config.get("memory", {})), aliases=["mem"])
    ctx.register_storage_backend("file", lambda config: File(config.get("file", {}), ctx.data_dir))
