import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import Conflict, UsageError
from weft.server.domains import Claims, checked_domains


@pytest.mark.parametrize("domains", [[], [""], ["a.localhost", " "]])
def test_an_empty_domain_is_refused_in_glooms_words(domains):
    with pytest.raises(UsageError, match="^domain cannot be empty$"):
        checked_domains(domains)


@pytest.mark.parametrize("domain", ["a b", "a..b", "-a", "127.0.0.1", "a:80", "*.x", "ä.de", "a/b", "x" * 300])
def test_an_invalid_domain_is_named(domain):
    with pytest.raises(UsageError, match="^invalid domain"):
        checked_domains([domain])


def test_domains_have_one_spelling():
    assert checked_domains(["Shop.Localhost", "shop.localhost.", "b"]) == ("shop.localhost", "b")


def test_a_domain_belongs_to_one_plugin():
    claims = Claims(["localhost"])
    claims.take("a", ["a.x"])
    for domain in ("a.x", "localhost"):
        with pytest.raises(Conflict, match=f"^Domain {domain} already exists$"):
            claims.take("b", ["b.x", domain])
    assert claims.free("b", ["a.x", "b.x", "localhost"]) == ("b.x",)
    claims.release("a")
    claims.take("b", ["a.x"])


def test_while_a_plugin_changes_it_has_both_and_then_one():
    claims = Claims()
    claims.take("a", ["old"])
    with claims.changing("a", ["new"]):
        assert claims.free("b", ["old", "new"]) == ()
    assert claims.free("b", ["old", "new"]) == ("old",)


def test_a_failed_change_gives_back_what_was_new():
    claims = Claims()
    claims.take("a", ["old"])
    with pytest.raises(RuntimeError), claims.changing("a", ["new"]):
        raise RuntimeError
    assert claims.free("b", ["old", "new"]) == ("new",)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sets(st.sampled_from("xyz")))))
def test_no_domain_has_two_owners(steps):
    claims, expected = Claims(), {}
    for name, domains in steps:
        taken = {domain for other, theirs in expected.items() if other != name for domain in theirs}
        try:
            claims.take(name, domains)
        except Conflict:
            assert taken & domains
        else:
            assert not taken & domains
            expected[name] = domains
