"""Plugins that are killed, hung, bloated and forked cost others no request, and answer again."""

import sys

import pytest

from harness.storming import HARMS, weather


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing limits what a plugin takes")
def test_no_request_is_lost_in_a_storm_of_others_which_all_come_back(tmp_path):
    with weather(tmp_path / "storm", 5) as storm:
        seen = storm.rage(6)
        assert storm.is_over(30)
    assert (seen["lost"], seen["answered"]) == (0, seen["asked"]), seen
    assert set(HARMS) & storm.harms.keys(), storm.harms
