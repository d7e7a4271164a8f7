"""The number of values of a payload, counted without making them: not one more than the limit passes."""

from __future__ import annotations

import pytest

from weft.wire import codec
from weft.wire.frames import FrameError
from weft.wire.values import MOST_VALUES, check_values

EACH = {
    "nil": b"\xc0", "a list": b"\x90", "a map": b"\x80", "a small number": b"\xff", "a byte": b"\xcc\xa5",
    "a short": b"\xd1\xdc\xdc", "a long": b"\xce\xdd\xdd\xdd\xdd", "a float": b"\xcb" + bytes(8),
    "a text": b"\xa2\x90\x90", "a large list": b"\xdc\0\0",
}  # fmt: skip
"""One value of each kind, whose content looks like values where it has any."""
LONG = {
    "a text": b"\xd9\x02\x90\x90", "bytes": b"\xc4\x02\x90\x90", "a longer text": b"\xda\x00\x02\x90\x90",
    "longer bytes": b"\xc5\x00\x02\x90\x90", "the longest bytes": b"\xc6\x00\x00\x00\x02\x90\x90",
    "the longest text": b"\xdb\x00\x00\x00\x02\x90\x90",
}  # fmt: skip
FEW = 1000
"""Values whose number does not divide what is counted at once."""


def listed(values, number):
    """A list, which is a value as well."""
    return b"\xdd" + (number - 1).to_bytes(4, "big") + values


@pytest.mark.parametrize("value", EACH.values(), ids=EACH)
def test_as_many_as_the_limit_pass_and_not_one_more(value):
    check_values(listed(value * (MOST_VALUES - 1), MOST_VALUES))
    with pytest.raises(FrameError, match="stream it"):
        check_values(listed(value * MOST_VALUES, MOST_VALUES + 1))


@pytest.mark.parametrize("value", LONG.values(), ids=LONG)
def test_what_says_how_long_it_is_counts_once(value):
    others = b"\xc0" * (MOST_VALUES - 1 - FEW)
    check_values(listed(value * FEW + others, MOST_VALUES))
    check_values(listed(others[FEW:] + value * FEW, MOST_VALUES - FEW))
    with pytest.raises(FrameError, match="stream it"):
        check_values(listed(value * FEW + b"\xc0" + others, MOST_VALUES + 1))
    with pytest.raises(FrameError, match="stream it"):
        check_values(listed(others + value * FEW + b"\xc0", MOST_VALUES + 1))


@pytest.mark.parametrize(
    "value", [bytes(32 * 1024 * 1024), "x" * 32 * 1024 * 1024, [1.5] * 3_000_000, [b"\x90" * 9000] * 1000]
)
def test_large_values_of_few_parts_pass(value):
    check_values(codec.encode(value))
    check_values(bytearray(codec.encode(["before", value])))


@pytest.mark.parametrize(
    "end", [b"", b"\xc1", b"\xd4", b"\xc7\1", b"\xc6\xff", b"\xc6\xff\xff\xff\xff", b"\xcb", b"\xa5"]
)
def test_what_is_no_msgpack_or_cut_short_is_left_to_the_decoder(end):
    many = b"\xa3abc" * (MOST_VALUES // 4)
    assert len(many) == MOST_VALUES
    check_values(many + b"\xc0" + end)


def test_a_small_payload_is_not_looked_at():
    check_values(b"\x90" * MOST_VALUES)
