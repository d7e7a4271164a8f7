"""Latencies as counts in buckets: what is estimated from them lies where it was."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from weft.server.front.latency import BOUNDS, cumulative, no_counts, quantile

durations = st.lists(st.floats(1e-6, 90.0), min_size=1, max_size=200)


def counted(seconds):
    counts = no_counts()
    for each in seconds:
        counts[bisect_left(BOUNDS, each)] += 1
    return counts


def test_the_bounds_are_ten_to_a_decade():
    assert (BOUNDS[0], BOUNDS[-1], len(BOUNDS)) == (0.0001, 100.0, 61)
    assert all(1.2 < after / before < 1.3 for before, after in pairwise(BOUNDS))


def test_of_nothing_there_is_no_quantile():
    assert quantile(no_counts(), 0.5) is None


@given(durations, st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_lies_in_the_bucket_of_the_value_that_it_stands_for(seconds, share):
    exact = sorted(seconds)[math.ceil(share * len(seconds)) - 1]
    place = bisect_left(BOUNDS, exact)
    lower = BOUNDS[place - 1] if place else 0.0
    estimated = quantile(counted(seconds), share)
    assert lower * 0.999999 <= estimated <= BOUNDS[place] * 1.000001


def test_beyond_the_last_bound_nothing_is_told_apart():
    assert quantile(counted([500.0, 1000.0]), 0.5) == BOUNDS[-1]


@given(durations)
def test_prometheus_gets_each_bound_with_all_up_to_it(seconds):
    shown = list(cumulative(counted(seconds)))
    assert [bound for bound, _ in shown][:4] == ["0.0005", "0.001", "0.0025", "0.005"]
    assert shown[-1] == ("+Inf", len(seconds))
    for bound, total in shown[:-1]:
        assert total == sum(each <= float(bound) for each in seconds)
