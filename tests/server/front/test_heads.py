"""Heads of requests and responses, and the front's own pages: pure."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import ProtocolError
from weft.server.front.pages import page, retry_after
from weft.server.front.request import Refusal, examine
from weft.server.front.response import Heads, prepare

TOKEN = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1).map(str.encode)
VALUE = st.binary().map(lambda value: bytes(byte for byte in value if byte >= 32 and byte != 127))
LINES = st.lists(st.tuples(TOKEN, VALUE))


@given(LINES, st.integers(200, 599))
def test_sound_heads_pass_as_they_are(lines, status):
    special = {b"te", b"date"}
    head = b"".join(b"%b: %b\r\n" % line for line in lines if line[0].lower() not in special)
    prepared = prepare(status, head)
    assert prepared.start.startswith(b"HTTP/1.1 %d " % status)
    assert prepared.start.endswith(b"\r\n" + head)


@given(
    st.integers(),
    st.one_of(st.binary(), st.text(), st.none(), st.builds(lambda a, b: a + b"\r\n" + b, st.binary(), st.binary())),
)
def test_whatever_passes_is_one_block_of_lines(status, head):
    try:
        prepared = prepare(status, head)
    except ProtocolError:
        return
    assert b"\r\n\r\n" not in prepared.start
    assert prepared.start.endswith(b"\r\n")
    assert prepared.start.count(b"\n") == prepared.start.count(b"\r\n") == prepared.start.count(b"\r")


@given(st.lists(st.tuples(st.integers(200, 599), LINES), max_size=30))
def test_remembered_heads_are_the_prepared_ones(asked):
    heads = Heads()
    for status, lines in asked * 2:
        head = b"".join(b"x-%b: %b\r\n" % line for line in lines)
        assert heads.get(status, head).start == prepare(status, head).start


def test_heads_are_remembered_within_a_bound():
    heads = Heads()
    for number in range(2000):
        heads.get(200, b"x: %d\r\n" % number)
    assert heads.get(200, b"x: 1999\r\n") is heads.get(200, b"x: 1999\r\n")
    large = b"x: " + b"a" * 5000 + b"\r\n"
    assert heads.get(200, large) is not heads.get(200, large)


@given(
    st.sampled_from([b"GET", b"POST", b"OPTIONS", b"FOO"]),
    st.binary(max_size=50),
    LINES,
    st.sampled_from(["1.1", "1.0", "2.0"]),
)
def test_any_request_is_passed_on_or_refused(method, target, lines, version):
    fields = [[name.lower(), value] for name, value in lines] + [[b"host", b"a"]]
    try:
        request = examine(method, target, fields, version, keep_alive=True)
    except Refusal as refusal:
        assert 400 <= refusal.status <= 505
    else:
        assert request.target[:1] in (b"/", b"*")
        names = {field[0] for field in request.headers}
        assert not names & {b"connection", b"transfer-encoding", b"te", b"upgrade", b"keep-alive", b"trailer"}


@pytest.mark.parametrize("accept", [b"", b"text/html", b"application/json", b"TEXT/HTML;q=0.1"])
def test_pages(accept):
    lines, body = page(404, "<script> & more", accept, retry_after(0.2))
    assert b"retry-after: 1\r\n" in lines
    assert b"Not Found" in body
    if b"html" in accept.lower():
        assert b"<script>" not in body
    if b"json" in accept:
        assert json.loads(body)["detail"] == "<script> & more"
