"""Forwarded and X-Forwarded-*: pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.server.front.forwarded import Hop, TrustedProxies, parse_forwarded, parse_node, resolve

TRUSTED = TrustedProxies(["10.0.0.0/8", "::1", "192.0.2.7"])


@pytest.mark.parametrize(("address", "trusted"), [
    ("10.1.2.3", True), ("11.1.2.3", False), ("::1", True), ("::ffff:10.0.0.1", True), ("192.0.2.7", True),
    ("192.0.2.8", False), ("nobody", False), ("", False),
])  # fmt: skip
def test_trusted_addresses(address, trusted):
    assert (address in TRUSTED) is trusted
    assert address not in TrustedProxies([])


def test_networks_are_checked():
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/40"):
        TrustedProxies(["10.0.0.0/40"])


@pytest.mark.parametrize(("text", "node"), [
    ("192.0.2.1", ("192.0.2.1", 0)), ("192.0.2.1:80", ("192.0.2.1", 80)), ("[2001:db8::1]:80", ("2001:db8::1", 80)),
    ("2001:db8::1", ("2001:db8::1", 0)), ("unknown", None), ("_hidden", None), ("", None), ("1.2.3", None),
    ("1.2.3.4:99999", None), ("[1.2.3.4", None),
])  # fmt: skip
def test_nodes(text, node):
    assert parse_node(text) == node


@pytest.mark.parametrize(("value", "hops"), [
    ("for=192.0.2.60;proto=http;host=a.example", [Hop(("192.0.2.60", 0), "http", b"a.example")]),
    ('For="[2001:db8:cafe::17]:4711"', [Hop(("2001:db8:cafe::17", 4711))]),
    ("for=192.0.2.43, for=198.51.100.17;proto=HTTPS", [Hop(("192.0.2.43", 0)), Hop(("198.51.100.17", 0), "https")]),
    ("for=unknown", [Hop()]), ('host="a\\"b"', [Hop(host=b'a"b')]), ("for=1.2.3.4 proto=http", []), ("for", []),
    ("=", []), ('for="1.2.3.4', []), ("", []),
])  # fmt: skip
def test_forwarded(value, hops):
    assert parse_forwarded(value) == hops


def headers(**lines):
    return [[name.replace("_", "-").encode(), value.encode()] for name, value in lines.items()]


@pytest.mark.parametrize(("lines", "hop"), [
    ({}, Hop()),
    ({"x_forwarded_for": "1.2.3.4"}, Hop(("1.2.3.4", 0))),
    ({"x_forwarded_for": "6.6.6.6, 1.2.3.4, 10.0.0.9"}, Hop(("1.2.3.4", 0))),
    ({"x_forwarded_for": "10.0.0.1, 10.0.0.2"}, Hop(("10.0.0.1", 0))),
    ({"x_forwarded_for": "6.6.6.6, rubbish, 10.0.0.2"}, Hop(("10.0.0.2", 0))),
    ({"x_forwarded_for": "6.6.6.6, 1.2.3.4", "x_forwarded_proto": "http, https"}, Hop(("1.2.3.4", 0), "https")),
    ({"x_forwarded_for": "1.2.3.4, 10.0.0.2", "x_forwarded_proto": "https"}, Hop(("1.2.3.4", 0), "https")),
    ({"x_forwarded_proto": "wss", "x_forwarded_host": "a.example"}, Hop(None, "https", b"a.example")),
    ({"x_forwarded_proto": "gopher"}, Hop()),
    ({"forwarded": "for=1.2.3.4", "x_forwarded_for": "6.6.6.6"}, Hop(("1.2.3.4", 0))),
])  # fmt: skip
def test_the_nearest_stranger_is_believed(lines, hop):
    assert resolve(headers(**lines), TRUSTED) == hop


@given(st.text())
def test_any_forwarded_header_is_read(value):
    for hop in parse_forwarded(value):
        assert hop.scheme in (None, "http", "https")


@given(st.lists(st.tuples(st.sampled_from([b"forwarded", b"x-forwarded-for", b"x-forwarded-proto"]), st.binary())))
def test_any_headers_are_read(fields):
    resolve(fields, TRUSTED)


@given(st.lists(st.ip_addresses(), min_size=1, max_size=6), st.sampled_from(["http", "https"]))
def test_what_a_proxy_writes_is_read(addresses, scheme):
    nodes = [f'"[{address}]"' if address.version == 6 else str(address) for address in addresses]
    hops = parse_forwarded(", ".join(f"for={node};proto={scheme}" for node in nodes))
    assert [hop.scheme for hop in hops] == [scheme] * len(addresses)
    assert all(hop.client is not None for hop in hops)
