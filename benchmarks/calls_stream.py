"""A stream of a million numbers from the plugin, as items per second, beside a server's stream of grpc.aio.

gRPC is asked for fewer, as it takes a quarter of a minute for that many.
"""

from harness.hosts import Ask, compare, started
from harness.rounds import Plan
from harness.rows import Row, quotient

MILLION = Ask("stream", items=1_000_000)
FEWER = Ask("stream", items=100_000)
PEERS = {"grpc.aio": 10, "pyvider-rpcplugin": None}


def measure(plan: Plan) -> list[Row]:
    asks = {"weft": MILLION, **dict.fromkeys(PEERS, FEWER)}
    with started(list(asks), plan.folder) as hosts:
        seen = compare(hosts, asks, plan)
    return [
        quotient("a stream of a million numbers", seen, "weft", peer, target, of="per_second")
        for peer, target in PEERS.items()
    ]
