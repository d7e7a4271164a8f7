"""Plugins killed, hung, bloated and forked at random, while three others serve at a fixed 200 requests/s each."""

from harness.rounds import Plan
from harness.rows import Row
from harness.storming import weather

SECONDS, SHORT = 60, 10
SEED = 5


def measure(plan: Plan) -> list[Row]:
    seconds = SECONDS if plan.rounds >= Plan.rounds else SHORT
    with weather(plan.folder, SEED) as storm:
        storm.calm(2)  # caches fill
        calm = storm.calm(seconds / 2)
        raging = storm.rage(seconds)
    details = {"calm": calm, "storm": raging, "harms": dict(storm.harms)}
    worse = raging["p99_ms"] / calm["p99_ms"]
    return [
        Row(f"requests lost in a storm of {seconds} s", raging["lost"] + calm["lost"], "<=", 0, details=details),
        Row("p99 in the storm ÷ in the calm before it", round(worse, 2), "<=", 2, "×"),
    ]
