"""GLoom's ``ListPlugins``: 10,000 calls of a program in Go over one connection, beside a server on Go's own net/rpc."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from harness import servers
from harness.hosts import PEERS, AbsentError, go_build
from harness.processes import Program, running
from harness.rounds import Plan
from harness.rows import Figures, Row, Seen, quotient

CALLS = 10_000
GO = servers.ROOT / "build/gorpc"
PEER = "net/rpc"
ROWS = [(1, "one at a time", 0.3), (16, "16 in flight", 0.3)]


def measure(plan: Plan) -> list[Row]:
    try:
        built = go_build(PEERS / "gorpc", GO, "./client", "./server")
    except AbsentError as reason:
        return [_row(how, target, {"weft": str(reason), PEER: str(reason)}) for _, how, target in ROWS]
    with servers.weft(plan.folder / "weft") as weft, _peer(built, plan.folder) as address:
        addresses = {"weft": f"127.0.0.1:{weft.rpc_port}", PEER: address}
        return [_row(how, target, _compare(built, addresses, in_flight, plan)) for in_flight, how, target in ROWS]


def _row(how: str, target: float, seen: Seen) -> Row:
    return quotient(f"ListPlugins by RPC, {how}", seen, "weft", PEER, target, of="per_second")


@contextmanager
def _peer(built: Path, folder: Path) -> Iterator[str]:
    log = folder / "log"
    program = Program([str(built / "server")], folder, log)
    with running(program):
        program.wait(lambda: log.read_text().endswith("\n"), servers.START)
        yield log.read_text().strip()


def _compare(built: Path, addresses: dict[str, str], in_flight: int, plan: Plan) -> Seen:
    """Medians of the rounds, each server in turn: A B A B."""
    rounds: dict[str, list[Figures]] = {name: [] for name in addresses}
    for _ in range(plan.rounds):
        for name, address in addresses.items():
            rounds[name].append(_calls(built, address, in_flight))
    return {name: {key: round(median(one[key] for one in its), 2) for key in its[0]} for name, its in rounds.items()}


def _calls(built: Path, address: str, in_flight: int) -> Figures:
    command = [str(built / "client"), address, str(CALLS), str(in_flight)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr[-500:]}")
    found: Figures = json.loads(done.stdout)
    return found
