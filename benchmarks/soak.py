"""Swaps under load for long: what is lost, and whether the server's memory or open files grow."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from harness import servers
from harness.processes import pss
from harness.swapping import swap

SWAPS = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    options = parser.parse_args()
    lost = 0
    with tempfile.TemporaryDirectory(prefix="weft-soak-") as folder, servers.weft(Path(folder) / "weft") as server:
        deadline = time.monotonic() + options.seconds
        while time.monotonic() < deadline:
            swapped = swap(server, SWAPS, judge_versions=False)
            lost += swapped.lost
            print(json.dumps({**_size(server.program.pid), "processes": len(server.pids()), **swapped.summary()}))
    return 1 if lost else 0


def _size(pid: int) -> dict[str, int]:
    return {"host_pss_bytes": pss(pid), "host_open_files": len(list(Path(f"/proc/{pid}/fd").iterdir()))}


if __name__ == "__main__":
    sys.exit(main())
