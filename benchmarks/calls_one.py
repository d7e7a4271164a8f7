"""One call at a time, 100 bytes there and back: with await and without, beside gRPC's blocking stub."""

from harness.hosts import Ask, compare, started
from harness.rounds import Plan
from harness.rows import Row, quotient

ROWS = [
    ("weft", "grpcio", 0.25),
    ("weft", "go-plugin", None),
    ("weft", "multiprocessing", None),
    ("weft", "the bare wire", None),
    ("weft.sync", "grpcio", 0.35),
]


def measure(plan: Plan) -> list[Row]:
    names = dict.fromkeys(name for ours, peer, _ in ROWS for name in (ours, peer))
    with started(list(names), plan.folder) as hosts:
        seen = compare(hosts, Ask("latency"), plan)
    return [
        quotient(f"one call at a time, p50, {ours}", seen, ours, peer, target, of="p50_microseconds")
        for ours, peer, target in ROWS
    ]
