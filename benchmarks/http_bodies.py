"""Bodies: 64 KiB responses and 1 MiB uploads, beside nginx before uvicorn."""

from harness.rounds import Plan, compare, started
from harness.rows import Row, ratio
from harness.wrk import Load


def measure(plan: Plan) -> list[Row]:
    with started(["weft", "nginx"], plan.folder) as servers:
        large = compare(servers, Load("/large", seconds=plan.seconds), plan)
        upload = compare(servers, Load("/upload", connections=16, seconds=plan.seconds, upload=True), plan)
    return [
        ratio("64 KiB responses ÷ nginx → uvicorn", large["weft"], large["nginx"], 1.0),
        ratio("1 MiB uploads ÷ nginx → uvicorn", upload["weft"], upload["nginx"], 1.0),
    ]
