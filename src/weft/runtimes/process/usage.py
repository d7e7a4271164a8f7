"""What a process uses, as the kernel tells it (Linux; elsewhere nothing is known)."""

from __future__ import annotations

import os
from pathlib import Path


def process_usage(pid: int) -> dict[str, float]:
    """``memory``: resident bytes; ``cpu``: seconds so far. Empty when the process is gone, or nobody tells."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, IndexError, ValueError):
        return {}
    ticks = int(fields[11]) + int(fields[12])
    return {"memory": float(pages * os.sysconf("SC_PAGE_SIZE")), "cpu": ticks / os.sysconf("SC_CLK_TCK")}
