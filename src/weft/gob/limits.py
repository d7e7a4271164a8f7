from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a reader takes of one stream; past any of these it raises OverLimit."""

    message_bytes: int = 16 * 1024 * 1024
    """One message."""
    values: int = 100_000
    """Values in one message: fields, elements, keys."""
    depth: int = 64
    """Values within values."""
    types: int = 512
    """Types that the stream may describe."""
    description_bytes: int = 256 * 1024
    """All their descriptions together."""
    pieces: int = 64
    """Messages that one value may come in: a new type within an interface begins another."""
