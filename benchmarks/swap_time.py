"""One swap under load, from the management request to its answer."""

from statistics import median

from harness.rounds import Plan, start
from harness.rows import Row
from harness.swapping import swap


def measure(plan: Plan) -> list[Row]:
    with start("weft", plan.folder / "weft") as server:
        swapped = swap(server, max(plan.rounds * 5, 10), judge_versions=True)
    value = round(median(swapped.seconds), 3)
    return [Row("one swap under load, p50", value, "<=", 0.5, "s", details=swapped.summary())]
