"""The last lines of a plugin."""

from __future__ import annotations

import pytest

from weft.engine.recent import KEPT, KEPT_CHARACTERS, Recent
from weft.errors import UsageError
from weft.types import LEVELS, OutputLine


def test_the_latest_are_kept_in_their_order():
    recent = Recent()
    for number in range(KEPT + 10):
        recent.add(OutputLine(number, "info", str(number), "stdout"))
    assert [line.text for line in recent.lines()] == [str(number) for number in range(10, KEPT + 10)]


def test_long_ones_are_fewer():
    recent = Recent()
    for number in range(KEPT):
        recent.add(OutputLine(number, "info", "x" * 8192, "stderr", {"long": "y" * 8192}))
    kept = sum(len(line.text) + len(line.fields["long"]) for line in recent.lines())
    assert KEPT_CHARACTERS // 2 < kept <= KEPT_CHARACTERS
    assert recent.lines()[-1].time == KEPT - 1


def test_a_level_and_those_above():
    recent = Recent()
    for level in LEVELS:
        recent.add(OutputLine(0, level, level, "stdout"))
    assert [line.text for line in recent.lines(level="warning")] == ["warning", "error"]
    with pytest.raises(UsageError, match="loud"):
        recent.lines(level="loud")
