"""A host that is killed at any moment takes all plugins with it, however they behave; what it had stored is whole."""

import random
import sys

import pytest

from harness.killing import Rounds


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a host that is killed leaves what it started")
def test_nothing_is_left_of_a_host_that_is_killed_among_plugins_that_misbehave(tmp_path):
    rounds = Rounds(tmp_path / "rounds", random.Random(5))
    rounds.run(8, seconds=60)
    assert (rounds.left, rounds.corrupted) == (0, 0), rounds.summary()
    assert len(rounds.rounds) > 4
    assert rounds.summary()["processes_when_killed"] > 100
