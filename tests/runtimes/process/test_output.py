"""Bytes that a plugin prints, as lines within bounds; the clock is the test's."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

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


def test_after_a_gap_lines_are_whole_and_every_byte_is_accounted_for():
    lines, now = [], 0.0
    reader = OutputReader("stdout", lines.append, clock=lambda: now)
    text = b"".join(b"line %06d %s\n" % (number, b"x" * 80) for number in range(200_000))
    for begin in range(0, len(text), 65_521):
        now += 0.01
        reader.feed(text[begin : begin + 65_521])
    reader.close()
    kept = [line for line in lines if line.stream == "stdout"]
    told = [int(line.text.split()[1]) for line in lines if line.stream == "host"]
    assert len(told) > 1
    assert all(re.fullmatch(r"line \d{6} x{80}", line.text) for line in kept)
    assert sum(told) + sum(len(line.text) + 1 for line in kept) == len(text)


def test_each_stream_of_each_instance_has_its_own_allowance():
    flood, lines = OutputReader("stdout", lambda _: None, clock=lambda: 0.0), []
    flood.feed(b"x" * 2 * BURST)
    OutputReader("stdout", lines.append, clock=lambda: 0.0).feed(b"hello\n")
    assert [line.text for line in lines] == ["hello"]


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_lines_do_not_depend_on_how_they_were_cut(data, cuts):
    whole, pieces = [], []
    reader = OutputReader("stderr", whole.append, clock=lambda: 0.0)
    reader.feed(data)
    reader.close()
    reader = OutputReader("stderr", pieces.append, clock=lambda: 0.0)
    for begin, end in pairwise([0, *sorted(cuts), len(data)]):
        reader.feed(data[begin : max(begin, end)])
    reader.close()
    assert pieces == whole
