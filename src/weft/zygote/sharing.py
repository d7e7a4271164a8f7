"""What lets a fork share more of its parent's memory: where it writes, it gets a page of its own."""

from __future__ import annotations

import sys
from typing import Any, List

_POOL = 1 << 14
"""Bytes in which Python keeps objects of one size, up to 512 bytes, in steps of 16."""
_MOST_GAPS = 4000
"""For each size."""


def forget_lookups() -> None:
    """Forget which attribute was found in which type: who replaces that writes to names that it never uses."""
    forget = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache  # noqa: SLF001 - there is no other
    forget()


def fill_gaps() -> List[Any]:
    """Objects in the places that others left free: while these are kept, new ones lie together, in new pages."""
    kept: List[Any] = []
    empty = sys.getsizeof(b"")
    for size in range(empty // 16 * 16 + 16, 513, 16):
        together, last = 0, 0
        for _ in range(_MOST_GAPS):
            kept.append(bytes(size - empty))
            together = together + 1 if id(kept[-1]) == last + size else 0
            last = id(kept[-1])
            if together * size > _POOL // 2:  # no other's gap is so large
                break
    return kept
