from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.server.management.access import (
    Facts,
    Token,
    decide,
    is_beyond_loopback,
    is_forwarded,
    is_known_host,
    is_same_origin,
    is_same_site,
    read_token,
)

OWN = Facts(
    own_program=True,
    token=Token.ABSENT,
    host_known=True,
    same_origin=True,
    same_site=True,
    forwarded=False,
    exposed=False,
)
CASES = [
    ("the user's own program", {}, None),
    ("a stranger", {"own_program": False}, 401),
    ("a stranger with the token", {"own_program": False, "token": Token.RIGHT}, None),
    ("a wrong token, even of the user's own", {"token": Token.WRONG}, 401),
    ("forwarded", {"forwarded": True}, 401),
    ("forwarded with the token", {"forwarded": True, "token": Token.RIGHT}, None),
    ("bound beyond loopback", {"exposed": True}, 401),
    ("bound beyond loopback with the token", {"exposed": True, "token": Token.RIGHT}, None),
    ("an unknown Host, even with the token", {"host_known": False, "token": Token.RIGHT}, 403),
    ("another origin, even with the token", {"same_origin": False, "token": Token.RIGHT}, 403),
    ("another site, even with the token", {"same_site": False, "token": Token.RIGHT}, 403),
]


@pytest.mark.parametrize(("change", "status"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_table(change, status):
    denial = decide(replace(OWN, **change))
    assert (denial.status if denial else None) == status
    assert denial is None or (denial.reason and denial.remedy)


@given(st.builds(Facts, **dict.fromkeys(Facts.__annotations__, st.booleans()) | {"token": st.sampled_from(Token)}))
def test_nobody_manages_without_the_token_but_the_users_own_programs_at_loopback(facts):
    if decide(facts) is None:
        assert facts.host_known
        assert facts.same_origin
        assert facts.same_site
        assert facts.token is Token.RIGHT or (
            facts.token is Token.ABSENT and facts.own_program and not facts.forwarded and not facts.exposed
        )


def bearer(value):
    return [(b"authorization", value)]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Token.ABSENT),
        (bearer(b"Bearer secret"), Token.RIGHT),
        (bearer(b"bearer secret"), Token.RIGHT),
        (bearer(b"Bearer secre"), Token.WRONG),
        (bearer(b"Bearer "), Token.WRONG),
        (bearer(b"Basic secret"), Token.WRONG),
        (bearer(b"secret"), Token.WRONG),
        (bearer(b"Bearer secret") * 2, Token.WRONG),
        (bearer("Bearer sécret".encode("latin-1")), Token.WRONG),
    ],
)
def test_token(headers, expected):
    assert read_token(headers, "secret") is expected


def test_an_empty_token_opens_nothing():
    assert read_token(bearer(b"Bearer "), "") is Token.WRONG


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "same"),
    [
        (None, b"localhost:3000", "http", True),
        (b"http://localhost:3000", b"localhost:3000", "http", True),
        (b"http://LOCALHOST:3000", b"localhost:3000", "http", True),
        (b"http://localhost", b"localhost:80", "http", True),
        (b"https://localhost:3000", b"localhost:3000", "http", False),
        (b"http://localhost:3001", b"localhost:3000", "http", False),
        (b"http://shop.localhost:3000", b"localhost:3000", "http", False),
        (b"null", b"localhost:3000", "http", False),
        (b"", b"localhost:3000", "http", False),
    ],
)
def test_origin(origin, host, scheme, same):
    headers = [(b"host", host)] + ([] if origin is None else [(b"origin", origin)])
    assert is_same_origin(headers, scheme) is same


def test_one_of_two_origins_is_not_enough():
    own, other = (b"origin", b"http://localhost"), (b"origin", b"http://evil.example")
    assert not is_same_origin([(b"host", b"localhost"), own, other], "http")


def test_an_origin_without_a_host_is_foreign():
    assert not is_same_origin([(b"origin", b"")], "http")


@pytest.mark.parametrize(
    ("value", "same"),
    [
        (None, True),
        (b"none", True),
        (b"same-origin", True),
        (b"same-site", False),
        (b"cross-site", False),
        (b"", False),
    ],
)
def test_sec_fetch_site(value, same):
    assert is_same_site([] if value is None else [(b"sec-fetch-site", value)]) is same


@pytest.mark.parametrize("name", [b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-anything"])
def test_forwarded(name):
    assert is_forwarded([(b"host", b"localhost"), (name, b"")])
    assert not is_forwarded([(b"host", b"localhost")])


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("192.0.2.7", True),
        ("[::1]", True),
        ("::1", False),
        ("[127.0.0.1]", False),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        (None, False),
    ],
)
def test_hosts(host, known):
    assert is_known_host(host, {"localhost"}) is known


@pytest.mark.parametrize(
    ("host", "beyond"),
    [("127.0.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), ("::", True), ("my.example", True)],
)
def test_where_it_is_bound(host, beyond):
    assert is_beyond_loopback(host) is beyond
