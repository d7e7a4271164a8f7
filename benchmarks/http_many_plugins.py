"""One plugin among 200 others, beside the same plugin alone."""

from harness import servers
from harness.rounds import Plan, compare
from harness.rows import Row, ratio
from harness.wrk import Load

OTHERS = 200
START = 180.0


def measure(plan: Plan) -> list[Row]:
    with (
        servers.weft(plan.folder / "alone") as alone,
        servers.weft(plan.folder / "among", beside=OTHERS, start=START) as among,
    ):
        medians = compare({"among": among, "alone": alone}, Load(seconds=plan.seconds), plan)
    return [ratio(f"one plugin among {OTHERS} others ÷ alone", medians["among"], medians["alone"], 0.95)]
