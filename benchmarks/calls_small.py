"""Calls between processes, 100 bytes there and back, 16 in flight: Weft's typed proxy beside its peers.

Each peer as its authors would have it fast, on Unix sockets and uvloop where it can: gRPC with serializers that do
nothing, so that neither protobuf nor generated code is in its way; go-plugin and pyvider-rpcplugin with the mutual TLS
that they make themselves; cpex with a thread for each call that waits; Pyro5 with marshal and a connection per caller;
multiprocessing with one pipe that is answered in order, which is no call yet, but the least that Python can do.
Beside them, for what the types cost: the same plugin called by name, and the bare wire without any contract.
"""

from harness.hosts import Ask, compare, started
from harness.rounds import Plan
from harness.rows import Row, quotient

PEERS = {
    "grpc.aio": 25,
    "cpex": 25,
    "go-plugin": 4,
    "pyvider-rpcplugin": None,
    "multiprocessing": None,
    "Pyro5": None,
    "weft, by name": None,
    "the bare wire": None,
}


def measure(plan: Plan) -> list[Row]:
    with started(["weft", *PEERS], plan.folder) as hosts:
        seen = compare(hosts, Ask("calls"), plan)
    return [
        quotient("calls, 100 B, 16 in flight", seen, "weft", peer, target, of="per_second")
        for peer, target in PEERS.items()
    ]
