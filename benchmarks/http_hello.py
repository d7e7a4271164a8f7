"""Hello world over 64 keep-alive connections: Weft beside what serves the same application without isolation."""

from harness.rounds import Plan, compare, started
from harness.rows import Row, ratio
from harness.wrk import Load


def measure(plan: Plan) -> list[Row]:
    with started(["weft", "uvicorn", "granian", "nginx"], plan.folder) as servers:
        medians = compare(servers, Load(seconds=plan.seconds), plan)
    weft = medians["weft"]
    return [
        ratio("hello world ÷ uvicorn, no isolation", weft, medians["uvicorn"], 1.5),
        ratio("hello world ÷ granian, no isolation", weft, medians["granian"], 1.0),
        ratio("hello world ÷ nginx → uvicorn", weft, medians["nginx"], 1.6),
    ]
