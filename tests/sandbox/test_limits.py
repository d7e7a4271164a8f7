"""What is past a limit, how it is told, and when it is worth looking: no machine needed."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.sandbox.cadence import Look, Machine, Walk, look_due, walk_due
from weft.sandbox.cgroups import Hits
from weft.sandbox.limits import Allowed, LimitHit, Sample, disk_exceeded, exceeded, held, write_size

MIB = 1 << 20
ALLOWED = Allowed(memory=512 * MIB, processes=64, disk=1024 * MIB, cpu=0.5)

REFUSED = (
    "was refused 3 processes or threads (limits.processes is 64, of 16 threads each): "
    "raise limits.processes, or look for what starts them"
)


def test_at_a_limit_is_within_it() -> None:
    assert not list(exceeded(Sample(512 * MIB, 64), ALLOWED))
    assert not list(disk_exceeded(1024 * MIB, ALLOWED))


def test_every_limit_that_is_passed_is_told() -> None:
    hits = list(exceeded(Sample(530 * MIB, 65), ALLOWED))
    assert [(hit.limit, hit.figure, hit.allowed, hit.ends) for hit in hits] == [
        ("memory", 530 * MIB, 512 * MIB, True),
        ("processes", 65, 64, True),
    ]


@pytest.mark.parametrize(
    ("hit", "sentence"),
    [
        (
            LimitHit("memory", 530 * MIB, 512 * MIB, ends=True),
            "used 530 MiB of memory (limits.memory is 512 MiB): raise limits.memory, or look for what it keeps",
        ),
        (
            LimitHit("disk", 1229 * MIB, 1024 * MIB, ends=True),
            "keeps 1.2 GiB in its data folder (limits.disk is 1 GiB): raise limits.disk, or delete some of it",
        ),
        (
            LimitHit("disk", math.inf, 1024 * MIB, ends=True),
            "keeps folders that cannot be counted (limits.disk): make all readable, and at most 100 within each other",
        ),
        (
            LimitHit("processes", 70, 64, ends=True),
            "had 70 processes (limits.processes is 64): raise limits.processes, or look for what starts them",
        ),
        (
            LimitHit("processes", 3, 64, ends=False),
            REFUSED,
        ),
        (
            LimitHit("cpu", 3.21, 0.5, ends=False),
            "waited 3.2 s for CPU time (limits.cpu is 0.5): raise limits.cpu, or give it less to do",
        ),
    ],
)
def test_the_sentence_has_the_figure_and_the_setting(hit: LimitHit, sentence: str) -> None:
    assert str(hit) == sentence


def test_what_the_kernel_counted_is_told_once() -> None:
    first = Hits(memory=90, killed=1, refused=4, throttled=2.5)
    assert [(hit.limit, hit.figure, hit.ends) for hit in held(Hits(), first, ALLOWED)] == [
        ("memory", 512 * MIB, True),
        ("processes", 4, False),
        ("cpu", 2.5, False),
    ]
    assert not list(held(first, first, ALLOWED))


def test_file_contents_that_were_dropped_are_nothing_to_tell() -> None:
    assert not list(held(Hits(), Hits(memory=1000), ALLOWED))


def test_short_waits_for_cpu_time_are_nothing_to_tell() -> None:
    assert not list(held(Hits(), Hits(throttled=0.9), ALLOWED))


@given(st.integers(0, 1 << 60))
def test_a_size_has_few_figures_and_is_about_right(size: int) -> None:
    text = write_size(size)
    number, unit = text.split(" ")
    assert re.fullmatch(r"\d{1,7}|\d\.\d\d?|\d\d\.\d", number)
    exact = float(number) * 1024 ** ["B", "KiB", "MiB", "GiB", "TiB"].index(unit)
    assert exact == pytest.approx(size, rel=0.01)


# --- when to look ---------------------------------------------------------------------------------------------------

CALM = Machine(available=8192 * MIB, tasks=500)
LAST = Look(at=100.0, took=0.02, machine=CALM, memory=400 * MIB, processes=60)


@pytest.mark.parametrize(
    ("after", "machine", "due"),
    [
        (0.05, CALM, False),
        (1.9, CALM, False),
        (2.0, CALM, True),
        (0.2, Machine(CALM.available - 199 * MIB, CALM.tasks), False),
        (0.2, Machine(CALM.available - 200 * MIB, CALM.tasks), True),
        (0.2, Machine(CALM.available + 200 * MIB, CALM.tasks), False),
        (0.2, Machine(CALM.available, CALM.tasks + 30), False),
        (0.2, Machine(CALM.available, CALM.tasks + 31), True),
        (0.1, Machine(0, 100_000), False),  # a look of 20 ms is followed by 180 ms of none
    ],
)
def test_processes_are_looked_at_when_one_may_have_grown(after: float, machine: Machine, *, due: bool) -> None:
    assert look_due(LAST, 100.0 + after, machine) is due


@pytest.mark.parametrize(
    ("after", "grown", "due"),
    [
        (1.0, 0, False),
        (29.0, 0, False),
        (30.0, 0, True),
        (1.0, 449 * MIB, False),
        (1.0, 450 * MIB, True),
        (0.9, 1024 * MIB, False),  # a walk of 50 ms is followed by 950 ms of none
    ],
)
def test_a_folder_is_walked_when_it_may_have_grown(after: float, grown: int, *, due: bool) -> None:
    last = Walk(at=100.0, took=0.05, used=124 * MIB, occupied=5000 * MIB)
    assert walk_due(last.seen(5000 * MIB + grown), 100.0 + after, 1024 * MIB) is due


def test_what_others_free_hides_nothing() -> None:
    last = Walk(at=100.0, took=0.0, used=0, occupied=5000 * MIB)
    for occupied in (4000 * MIB, 4300 * MIB, 1000 * MIB, 1300 * MIB):
        assert not walk_due(last, 101.0, 1024 * MIB)
        last = last.seen(occupied)
    assert walk_due(last, 101.0, 1024 * MIB)


def test_near_its_limit_a_folder_is_walked_for_every_mebibyte() -> None:
    last = Walk(at=100.0, took=0.0, used=1024 * MIB, occupied=0)
    assert not walk_due(last.seen(MIB - 1), 101.0, 1024 * MIB)
    assert walk_due(last.seen(MIB), 101.0, 1024 * MIB)


def test_what_was_never_looked_at_is_looked_at() -> None:
    assert look_due(None, 0.0, CALM)
    assert walk_due(None, 0.0, 1)
