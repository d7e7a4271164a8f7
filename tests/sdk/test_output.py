"""Log records on their way to the host."""

from __future__ import annotations

import logging

import pytest

from weft.runtimes.process.output import level_of
from weft.sdk.output import MARK, LevelFormatter, level_name
from weft.types import LEVELS


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "trace"),
        (5, "trace"),
        (10, "debug"),
        (20, "info"),
        (25, "info"),
        (30, "warning"),
        (40, "error"),
        (99, "error"),
    ],
)
def test_levels(number, name):
    assert level_name(number) == name
    assert name in LEVELS


def test_every_line_of_a_record_carries_its_level_to_the_host():
    record = logging.LogRecord("shop", logging.WARNING, "f.py", 1, "one\ntwo %s", ("three",), None)
    lines = LevelFormatter("%(name)s: %(message)s").format(record).split("\n")
    assert all(line.startswith(MARK) for line in lines)
    assert [level_of(line, "stderr") for line in lines] == [("warning", "shop: one"), ("warning", "two three")]
