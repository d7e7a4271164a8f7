"""The frame reader: any split of any frames gives the same frames, and nothing but FrameError comes out of garbage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.wire import frames
from weft.wire.frames import HEADER, FrameError, FrameReader
from weft.wire.pieces import Joining

KINDS = st.integers(frames.HELLO, frames.PONG)
FRAMES = st.lists(st.tuples(KINDS, st.integers(0, frames.LAST_ID), st.binary(max_size=300)), max_size=12)


def packed(sequence):
    return b"".join(HEADER.pack(len(payload), kind, call_id) + payload for kind, call_id, payload in sequence)


def reader():
    received = []
    return FrameReader(lambda *frame: received.append(frame), Joining()), received


@given(FRAMES, st.data())
def test_any_split_gives_the_same_frames(sequence, data):
    stream = packed(sequence)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    its, received = reader()
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        its.feed(stream[start:stop])
    assert received == sequence


@given(FRAMES)
def test_byte_by_byte(sequence):
    its, received = reader()
    for byte in packed(sequence):
        its.feed(bytes([byte]))
    assert received == sequence


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_garbage_gives_frames_or_a_frame_error(pieces):
    its, received = reader()
    try:
        for piece in pieces:
            its.feed(piece)
    except FrameError:
        pass
    assert all(kind <= frames.PART and len(payload) <= frames.MAX_PAYLOAD for kind, _, payload in received)


def test_the_largest_payload_passes_in_pieces():
    payload = bytes(frames.MAX_PAYLOAD)
    stream = HEADER.pack(len(payload), frames.ITEM, 7) + payload
    its, received = reader()
    for start in range(0, len(stream), 4096):
        its.feed(stream[start : start + 4096])
    assert received == [(frames.ITEM, 7, payload)]


def test_a_payload_over_the_limit_is_refused_when_it_is_announced():
    its, received = reader()
    with pytest.raises(FrameError, match=str(frames.MAX_PAYLOAD + 1)):
        its.feed(frames.HEADER.pack(frames.MAX_PAYLOAD + 1, frames.ITEM, 1))
    assert received == []


def test_an_unknown_kind_is_refused():
    its, _ = reader()
    with pytest.raises(FrameError, match="kind 10"):
        its.feed(frames.HEADER.pack(0, frames.PART + 1, 1))


def test_frames_before_a_bad_one_are_delivered():
    its, received = reader()
    with pytest.raises(FrameError):
        its.feed(packed([(frames.PING, 0, b"\x01")]) + frames.HEADER.pack(0, 200, 0))
    assert received == [(frames.PING, 0, b"\x01")]
