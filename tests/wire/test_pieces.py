"""Payloads in pieces: whatever is cut comes out whole, in whatever order the calls take turns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.wire import pieces
from weft.wire.frames import FrameError
from weft.wire.pieces import Cutting, Joining

PAYLOADS = st.lists(
    st.tuples(st.integers(1, 4), st.lists(st.integers(0, 3 * pieces.PIECE), min_size=1, max_size=3)), max_size=8
)


def sent(cutting, *, most=10_000):
    while cutting.calls and most:
        most -= 1
        yield cutting.next()


@given(PAYLOADS)
def test_what_is_cut_comes_out_whole_and_in_the_order_of_its_call(payloads):
    cutting, joining, came = Cutting(), Joining(), []
    for number, (call_id, sizes) in enumerate(payloads):
        cutting.add(number, call_id, *(bytes([number]) * size for size in sizes))
    for kind, call_id, piece in sent(cutting):
        assert len(piece) <= pieces.PIECE
        if kind is None:
            joining.add(call_id, piece)
        else:
            came.append((kind, call_id, bytes(joining.whole(call_id, piece))))
    assert sorted(came) == [(n, call_id, bytes([n]) * sum(sizes)) for n, (call_id, sizes) in enumerate(payloads)]
    for call_id in range(1, 5):
        assert [kind for kind, its, _ in came if its == call_id] == sorted(n for n, its, _ in came if its == call_id)
    assert not joining.calls


@given(PAYLOADS, st.integers(0, 30), st.integers(1, 4))
def test_what_is_dropped_midway_is_forgotten_on_both_sides(payloads, after, dropped):
    cutting, joining = Cutting(), Joining()
    for number, (call_id, sizes) in enumerate(payloads):
        cutting.add(number, call_id, *(bytes([number]) * size for size in sizes))
    for at, (kind, call_id, piece) in enumerate(sent(cutting)):
        if kind is None:
            joining.add(call_id, piece)
        else:
            joining.whole(call_id, piece)
        if at == after and cutting.drop(dropped):
            joining.add(dropped, b"")
    assert not joining.calls
    assert not cutting.calls


def test_a_payload_over_the_limit_is_refused_on_both_sides():
    with pytest.raises(FrameError, match="stream it"):
        Cutting().add(2, 1, bytes(pieces.MAX_VALUE), b"x")
    joining = Joining()
    piece = bytes(pieces.MAX_VALUE // 4)
    for _ in range(4):
        joining.add(1, piece)
    with pytest.raises(FrameError, match="in pieces"):
        joining.add(1, b"x")
    with pytest.raises(FrameError, match="over the limit"):
        joining.whole(1, b"x")


def test_more_payloads_at_once_than_there_may_be_are_refused():
    joining = Joining()
    for call_id in range(pieces.AT_ONCE):
        joining.add(call_id, b"begun")
    with pytest.raises(FrameError, match="others under way"):
        joining.add(99, b"one more")
