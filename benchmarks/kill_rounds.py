"""The host killed with SIGKILL while it starts, deploys, serves or stops, with 20 plugins that misbehave."""

import random

from harness.killing import Rounds
from harness.rounds import Plan
from harness.rows import Row

ROUNDS = 200
SEED = 5


def measure(plan: Plan) -> list[Row]:
    rounds = Rounds(plan.folder, random.Random(SEED))
    rounds.run(min(ROUNDS, plan.swaps * 4))
    count = len(rounds.rounds) - 1
    return [
        Row(
            f"processes left 1 s after a kill of the host, in {count} rounds",
            rounds.left,
            "<=",
            0,
            details=rounds.summary(),
        ),
        Row(f"corrupted states after {count} kills of the host", rounds.corrupted, "<=", 0),
    ]
