"""A storage by its contract ÷ the library that does the same, used directly by the same program.

Nine reads to a write, of 1 KiB. Where each storage runs, and how it is asked, says peers/storages.py.
"""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig

from harness.hosts import PEERS
from harness.processes import output
from harness.rounds import Plan
from harness.rows import Row, Seen, quotient
from harness.servers import BENCH, ROOT

KINDS: dict[str, tuple[str, str, float | None]] = {
    "memory": ("`memory`, inline", "cachetools", 0.7),
    "file": ("`file`, inline, without an event loop", "diskcache", 0.9),
    "file_loop": ("`file`, inline, in threads, 16 at once", "diskcache in threads", None),
    "redis": ("`redis`, in its own process, 64 at once", "redis-py", 0.8),
    "redis_one": ("`redis`, in its own process, one at a time", "redis-py", None),
    "redis_inline": ("`redis`, inline, one at a time", "redis-py", None),
}
"""Of each what it is called, the peer, and the target."""
ROUNDS = 9
LONGEST = 180.0
"""Seconds that the measuring may take."""


def measure(plan: Plan) -> list[Row]:
    packages = sysconfig.get_path("purelib", vars={"base": str(ROOT / BENCH)})
    return [_row(kind, max(plan.rounds, ROUNDS), packages) for kind in KINDS]


def _row(kind: str, rounds: int, packages: str) -> Row:
    name, peer, target = KINDS[kind]
    if kind.startswith("redis") and shutil.which("redis-server") is None:
        return Row(f"storage {name} ÷ {peer}", None, ">=", target, "×", skipped="there is no redis-server here")
    command = [sys.executable, str(PEERS / "storages.py"), kind, str(rounds), packages]
    spans: dict[str, float] = json.loads(output(command, LONGEST))
    seen: Seen = {f"weft, {name}": {"per_second": spans["weft"]}, peer: {"per_second": spans["peer"]}}
    return quotient(f"storage {name}", seen, f"weft, {name}", peer, target, of="per_second")
