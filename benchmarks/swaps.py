"""Requests lost while the application is replaced under load, beside peers that are reloaded in the same way."""

from harness.rounds import Plan, start
from harness.rows import Row
from harness.swapping import Swapped, swap

PEERS = ["nginx", "gunicorn", "uvicorn-workers", "granian"]


def measure(plan: Plan) -> list[Row]:
    seen = {name: _swaps(name, plan) for name in ["weft", *PEERS]}
    weft = seen["weft"]
    swaps = len(weft.seconds)
    details = {name: swapped.summary() for name, swapped in seen.items()}
    others = ", ".join(f"{name} {seen[name].lost} in {len(seen[name].seconds)}" for name in PEERS)
    return [
        Row(f"requests lost in {swaps} swaps under load ({others})", weft.lost, "<=", 0, details=details),
        Row("answers of an old version to requests begun after the deploy", weft.stale, "<=", 0),
    ]


def _swaps(name: str, plan: Plan) -> Swapped:
    with start(name, plan.folder / name) as server:
        return swap(server, plan.swaps, judge_versions=name == "weft")
