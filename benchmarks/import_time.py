"""What ``import weft`` adds to the start of Python, with its bytecode written, and what its first use adds."""

import sys
import time
from statistics import median

from harness.processes import output
from harness.rounds import Plan
from harness.rows import Row

STARTS = 20
"""Starts of each, per round."""
LONGEST = 60.0
BARE, IMPORT, USE = "pass", "import weft", "import weft; weft.Engine, weft.contract"


def measure(plan: Plan) -> list[Row]:
    for code in (BARE, IMPORT, USE):
        _start(code)  # bytecode is written, files are cached
    rounds = [{code: _start(code) for code in (BARE, IMPORT, USE)} for _ in range(plan.rounds * STARTS)]
    details = {code: round(median(one[code] for one in rounds), 2) for code in (BARE, IMPORT, USE)}
    added = {code: round(median(one[code] - one[BARE] for one in rounds), 2) for code in (IMPORT, USE)}
    return [
        Row("`import weft` over bare Python", added[IMPORT], "<=", 30, "ms", details=details),
        Row("`import weft` and the engine over bare Python", added[USE], "<=", None, "ms", details=details),
    ]


def _start(code: str) -> float:
    """Milliseconds that Python runs for ``code``."""
    began = time.perf_counter()
    output([sys.executable, "-c", code], LONGEST)
    return (time.perf_counter() - began) * 1e3
