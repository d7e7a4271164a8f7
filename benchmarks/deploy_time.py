"""A new single-file plugin through the management API until it serves, ÷ a bare uvicorn from start until it serves."""

import time
from statistics import median

from harness import servers
from harness.processes import Program, running
from harness.rounds import Plan
from harness.rows import Row
from harness.servers import Weft, free_port, get, peers_python, write_app

POLL = 0.001


def measure(plan: Plan) -> list[Row]:
    deployed, bare = [], []
    with servers.weft(plan.folder / "weft") as server:
        for number in range(max(plan.rounds, 5)):
            deployed.append(_deploy(server, number))
            bare.append(_start_uvicorn(plan, number))
    details = {"deploy_seconds": deployed, "uvicorn_seconds": bare}
    value = round(median(deployed) / median(bare), 3)
    return [Row("deploy of a single-file plugin ÷ start of a bare uvicorn", value, "<=", 1.0, "×", details=details)]


def _deploy(server: Weft, number: int) -> float:
    name = f"fresh{number}"
    source = write_app(server.folder / "app", number)
    begun = time.perf_counter()
    server.deploy(source, name)
    if get(server.port, host=f"{name}.localhost") is None:
        raise RuntimeError(f"{name} was deployed, and does not serve")
    return time.perf_counter() - begun


def _start_uvicorn(plan: Plan, number: int) -> float:
    folder = plan.folder / f"uvicorn{number}"
    folder.mkdir()
    write_app(folder)
    port = free_port()
    command = [peers_python(), "-m", "uvicorn", "hello:app", "--port", str(port), "--log-level", "warning"]
    begun = time.perf_counter()
    with running(Program(command, folder, folder / "log")) as program:
        program.wait(lambda: get(port) is not None, servers.START, every=POLL)
        return time.perf_counter() - begun
