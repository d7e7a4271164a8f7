"""Runs the benchmarks, all on one machine in one run, and keeps the results.

``--rounds N``, ``--seconds S``, ``--swaps N`` and ``--only NAME`` make a run shorter; results of a shortened run are
printed and written to ``build/``, those of a whole one to ``benchmarks/results/``.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.catalogue import NAMES
from harness.machine import describe
from harness.processes import Died
from harness.rounds import Plan
from harness.rows import FINE, Row, table

ROOT = Path(__file__).parents[1]


def main() -> int:
    options = _options()
    names = options.only or NAMES
    began = time.time()
    report: dict[str, Any] = {"when": time.strftime("%Y-%m-%d", time.gmtime()), "machine": describe(), "rows": []}
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        for name in names:
            plan = Plan(Path(folder) / name, options.rounds, options.seconds, options.swaps)
            report["rows"] += _measured(name, plan)
    report |= {"rounds": options.rounds, "seconds": options.seconds, "took_seconds": round(time.time() - began)}
    print("\n" + table(report["rows"]))
    whole = names == NAMES and options.rounds >= Plan.rounds
    print(f"\n{_keep(report, ROOT / ('benchmarks/results' if whole else 'build'))}")
    return 0 if all(row["verdict"] in FINE for row in report["rows"]) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--swaps", type=int, default=50)
    parser.add_argument("--only", action="append", choices=NAMES)
    return parser.parse_args()


def _measured(name: str, plan: Plan) -> list[dict[str, Any]]:
    """One benchmark's rows; what could not be measured is a row that says so."""
    print(f"bench: {name} …", file=sys.stderr, flush=True)
    plan.folder.mkdir()
    try:
        rows: list[Row] = importlib.import_module(name).measure(plan)
    except (Died, OSError, RuntimeError) as error:
        print(f"bench: {name}: {error}", file=sys.stderr)
        rows = [Row(name, None, ">=", 0, details={"error": str(error)})]
    for row in rows:
        print(f"bench:   {row.measure}: {row.value} {row.unit} ({row.verdict})", file=sys.stderr, flush=True)
    return [dataclasses.asdict(row) | {"benchmark": name, "verdict": row.verdict} for row in rows]


def _keep(report: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "latest.json"
    target.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return target.relative_to(ROOT)


if __name__ == "__main__":
    sys.exit(main())
