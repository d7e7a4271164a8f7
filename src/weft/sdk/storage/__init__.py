"""Storage backends: those that are built in, and what others are made of.

``BUILT_IN`` is a plugin with the backends ``memory`` (or ``mem``) and ``file``: load it, and use them by these names.
``Backend`` is the base of backends, ``settings`` reads what they are given, ``moment`` makes the end of an entry.
"""

from __future__ import annotations

from pathlib import Path

from weft.sdk.storage import settings
from weft.sdk.storage.backend import Backend, moment

__all__ = ["BUILT_IN", "Backend", "moment", "settings"]

BUILT_IN = Path(__file__).with_name("storage_backends.py")
"""The plugin's file, for ``engine.load`` and ``weft serve``."""
