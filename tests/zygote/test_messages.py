"""What a host and an instance tell each other, over real sockets."""

from __future__ import annotations

import json
import os
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.zygote.messages import frame, listen, listen_for_more, tell

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


@given(st.lists(values, max_size=5))
def test_the_hosts_messages_are_taken_one_by_one_and_nothing_after_them(messages):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"".join(map(frame, messages)) + b"rest")
        assert [listen(theirs.fileno()) for _ in messages] == messages
        assert theirs.recv(100) == b"rest"


def test_a_message_may_come_in_pieces_and_be_larger_than_the_socket_holds():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        large = {"variables": "x" * 4_000_000}
        sending = threading.Thread(target=ours.sendall, args=(frame(large),))
        sending.start()
        assert listen(theirs.fileno()) == large
        sending.join(10)


@pytest.mark.parametrize("sent", [b"", b"0000", frame({"a": 1})[:-1]])
def test_a_host_that_ends_in_a_message_is_gone(sent):
    ours, theirs = socket.socketpair()
    with theirs:
        ours.sendall(sent)
        ours.close()
        with pytest.raises(EOFError):
            listen(theirs.fileno())


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=5), values, max_size=3))
def test_to_the_host_each_message_is_a_line(message):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert tell(theirs.fileno(), **message)
        line = ours.recv(1 << 20)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert json.loads(line) == message


def test_nobody_who_takes_it_is_told_of():
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        assert not tell(theirs.fileno(), ended=0)


@given(values, st.integers(0, 7), st.integers(1, 20))
def test_descriptors_come_with_a_message_however_it_is_cut(message, count, cut):
    ours, theirs = socket.socketpair()
    readable, writable = os.pipe()
    try:
        with ours, theirs:
            data = frame(message) + b"rest"
            socket.send_fds(ours, [data[:cut]], [writable] * count)
            ours.sendall(data[cut:])
            found, descriptors = listen_for_more(theirs.fileno())
            assert (found, len(descriptors)) == (message, count)
            assert theirs.recv(100) == b"rest"
            for each in descriptors:
                assert os.path.samestat(os.fstat(each), os.fstat(writable))
                assert not os.get_inheritable(each)
                os.close(each)
    finally:
        os.close(readable)
        os.close(writable)


def test_a_host_that_ends_before_an_order_is_gone():
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        with pytest.raises(EOFError):
            listen_for_more(theirs.fileno())
