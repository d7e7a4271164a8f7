"""What isolation adds to one request at a time, against uvicorn direct."""

from harness.rounds import Plan, compare, started
from harness.rows import Row
from harness.wrk import Load


def measure(plan: Plan) -> list[Row]:
    with started(["weft", "uvicorn"], plan.folder) as servers:
        medians = compare(servers, Load(connections=1, seconds=plan.seconds), plan)
    added = medians["weft"]["p50_microseconds"] - medians["uvicorn"]["p50_microseconds"]
    return [Row("added latency, 1 connection, p50", round(added, 1), "<=", 100, "µs", details=medians)]
