"""Every reader of what comes from outside stands changed streams: shortly here, `make fuzz` does it for longer."""

from __future__ import annotations

import pytest

import fuzz

SECONDS = 9.0


@pytest.mark.parametrize("name", fuzz.READERS)
def test_changed_streams_are_read_or_refused(name: str) -> None:
    count, whole = fuzz.fuzz(name, SECONDS / len(fuzz.READERS), seed=1)
    assert 0 < whole < count


def test_a_reader_that_crashes_is_told_with_its_stream() -> None:
    def crash(_pieces: object) -> None:
        raise RecursionError("too deep")

    with pytest.raises(AssertionError, match=r"crash, seed 1, stream 1: RecursionError\('too deep'\): [0-9a-f]+"):
        fuzz.fuzz("crash", 5, seed=1, readers={"crash": (crash, lambda: [b"abc"])})
