"""Bytes that a plugin prints, as lines within bounds; the clock is the test's."""

from __future__ import annotations

from weft.runtimes.process.output import BURST, LINE_COST, RATE, OutputReader

BLOCK = b"\n" * 4096


def test_the_shortest_lines_are_bounded_as_long_ones_are():
    lines, now = [], 0.0
    reader = OutputReader("stdout", lines.append, clock=lambda: now)
    seconds = 10
    for tick in range(1000):
        now = tick * seconds / 1000
        reader.feed(BLOCK)
    assert 0 < len(lines) <= (BURST + RATE * seconds) / LINE_COST + 1000
    assert any("were dropped" in line.text for line in lines)


def test_lines_of_usual_length_are_all_kept():
    lines = []
    reader = OutputReader("stderr", lines.append, clock=lambda: 0.0)
    for _ in range(10):
        reader.feed(b"a line of a log, as applications write them\n" * 1000)
    assert len(lines) == 10_000
