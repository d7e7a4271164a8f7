"""Host names to services."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import Conflict, UsageError
from weft.server.router import Router, domain_name, host_name, is_address


class Service:
    call_timeout = 1.0

    def __init__(self, name="shop"):
        self.name = name

    def pick(self):
        raise AssertionError("no request is made")


def test_routes_are_assigned_replaced_and_released():
    router, shop, other = Router(), Service(), Service("other")
    router.assign("shop", shop, ["shop.localhost", "Shop.Example."])
    router.assign("other", other, ["other.localhost"])
    assert router.lookup(b"shop.example:80") is shop
    assert router.lookup(b"OTHER.localhost") is other
    assert router.domains("shop") == ("shop.localhost", "shop.example")
    newer = Service()
    router.assign("shop", newer, ["shop.localhost"])
    assert router.lookup(b"shop.localhost") is newer
    assert router.lookup(b"shop.example") is None
    assert router.owner("SHOP.localhost") == "shop"
    router.release("shop")
    assert router.lookup(b"shop.localhost") is None
    assert router.owner("shop.localhost") is None
    assert router.lookup(b"other.localhost") is other
    router.release("nobody")


def test_a_domain_has_one_owner():
    router, shop = Router(reserved=["localhost"]), Service()
    router.assign("shop", shop, ["shop.localhost"])
    with pytest.raises(Conflict, match=r"^Domain shop\.localhost already exists$"):
        router.assign("other", Service("other"), ["other.localhost", "SHOP.localhost"])
    with pytest.raises(Conflict, match="Domain localhost already exists"):
        router.assign("shop", shop, ["localhost"])
    assert router.lookup(b"other.localhost") is None
    assert router.lookup(b"shop.localhost") is shop


@pytest.mark.parametrize(
    "domain", ["", ".", "a b", "-a", "a-", "a..b", "*.a", "a:80", "ü.de", "a" * 64, "a." * 130, "a/b"]
)
def test_invalid_domains(domain):
    with pytest.raises(UsageError, match="is not a host name"):
        Router().assign("shop", Service(), [domain])


@pytest.mark.parametrize(("host", "name"), [
    (b"Shop.Localhost:3000", "shop.localhost"), (b"a.", "a"), (b"a:", "a"), (b"[::1]:80", "[::1]"),
    (b"1.2.3.4", "1.2.3.4"),
    (b"", None), (b"a b", None), (b"a:x", None), (b"a@b", None), (b"a/b", None), (b"a,b", None),
    (b"[a", None), (b".", None),
    (b"a" * 300, None), (b"\xff", None),
])  # fmt: skip
def test_host_names(host, name):
    assert host_name(host) == name


@given(st.binary(max_size=60))
def test_any_host_is_looked_up(host):
    router = Router()
    router.assign("shop", Service(), ["a"])
    found = router.lookup(host)
    assert (found is not None) is (host_name(host) == "a")


@given(st.from_regex(r"[a-z0-9]{1,9}(\.[a-z0-9]{1,9}){0,3}", fullmatch=True), st.integers(0, 65535))
def test_every_spelling_of_a_domain_is_found(domain, port):
    router, shop = Router(), Service()
    router.assign("shop", shop, [domain.upper()])
    assert domain_name(domain.upper() + ".") == domain
    for host in (domain, domain.upper(), f"{domain}.", f"{domain}:{port}"):
        assert router.lookup(host.encode()) is shop


def test_spellings_are_remembered_within_a_bound():
    router, shop = Router(), Service()
    router.assign("shop", shop, ["a"])
    for port in range(10_000):
        assert router.lookup(b"a:%d" % port) is shop


@given(st.ip_addresses())
def test_addresses_are_told_from_names(address):
    text, bracketed = str(address), f"[{address}]"
    assert (is_address(text), is_address(bracketed)) == (address.version == 4, address.version == 6)
    assert not is_address(f"{text}.localhost")


@given(st.text(max_size=50))
def test_no_host_makes_the_question_for_an_address_raise(host):
    is_address(host)
