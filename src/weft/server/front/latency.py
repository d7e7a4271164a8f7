"""Latencies as counts in buckets, from which quantiles are estimated. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_STEPS = ("1", "1.25", "1.6", "2", "2.5", "3.15", "4", "5", "6.3", "8")
BOUNDS = (*(float(f"{step}e{power}") for power in range(-4, 2) for step in _STEPS), 100.0)
"""Upper bounds in seconds, each inclusive, ten to a decade: ``counts[i]`` are those up to ``BOUNDS[i]``.

One more count is of those above the last. A quantile is off by less than a bucket's width, a quarter of its value.
"""
_SHOWN = tuple(
    place for place, bound in enumerate(BOUNDS) if f"{bound:e}"[:3] in {"1.0", "2.5", "5.0"} and 0.0005 <= bound <= 25
)


def no_counts() -> list[int]:
    """Counts of nothing yet."""
    return [0] * (len(BOUNDS) + 1)


def quantile(counts: Sequence[int], share: float) -> float | None:
    """The seconds within which ``share`` (0 to 1) of what was counted lies; None where nothing was.

    Within a bucket what was counted is taken as spread evenly.
    """
    wanted = share * sum(counts)
    if not wanted:
        return None
    below = 0
    for place, count in enumerate(counts):
        if count and below + count >= wanted:
            return _within(place, (wanted - below) / count)
        below += count
    return BOUNDS[-1]


def _within(place: int, part: float) -> float:
    if place == len(BOUNDS):
        return BOUNDS[-1]
    lower = BOUNDS[place - 1] if place else 0.0
    return lower + part * (BOUNDS[place] - lower)


def cumulative(counts: Sequence[int]) -> Iterator[tuple[str, int]]:
    """As Prometheus has a histogram: some of the bounds, each with all counts up to it, and ``+Inf`` with all."""
    total, begin = 0, 0
    for place in _SHOWN:
        total += sum(counts[begin : place + 1])
        begin = place + 1
        yield f"{BOUNDS[place]:g}", total
    yield "+Inf", total + sum(counts[begin:])
