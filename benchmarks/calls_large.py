"""Calls of 64 KiB there and back, 16 in flight, beside grpc.aio."""

from harness.hosts import Ask, compare, started
from harness.rounds import Plan
from harness.rows import Row, quotient

PEERS = {"grpc.aio": 8, "go-plugin": None, "the bare wire": None}


def measure(plan: Plan) -> list[Row]:
    with started(["weft", *PEERS], plan.folder) as hosts:
        seen = compare(hosts, Ask("calls", size=64 * 1024), plan)
    return [
        quotient("calls, 64 KiB, 16 in flight", seen, "weft", peer, target, of="per_second")
        for peer, target in PEERS.items()
    ]
