"""Patterns of paths: as Fiber has them, as regular expressions have what those can say, and whatever path comes."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from weft.sdk.gloom import Router
from weft.sdk.gloom.paths import Pattern


def values(pattern, path, **options):
    """The parameters in the order of the pattern, or None."""
    found = Pattern(pattern, **options).match(path)
    return found if found is None else [value for name, value in found.items() if name not in "*+"]


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("/", {"/": [], "": [], "//": [], "/a": None}),
        ("/shop", {"/shop": [], "/shop/": [], "/SHOP": [], "/shops": None, "/sho": None, "/shop/x": None}),
        ("shop/", {"/shop": [], "/shop/": []}),
        ("/items/:id", {"/items/7": ["7"], "/Items/Ab": ["Ab"], "/items/": None, "/items": None, "/items/7/8": None}),
        ("/items/:id?", {"/items/7": ["7"], "/items": [""], "/items/": [""], "/item": None, "/items/7/8": None}),
        ("/:year/:month?/:day?", {"/1": ["1", "", ""], "/1/2": ["1", "2", ""], "/1/2/3": ["1", "2", "3"], "/": None}),
        ("/:from-:to", {"/lis-por": ["lis", "por"], "/a-b-c": ["a", "b-c"], "/lis": None, "/x/y-z": None}),
        ("/:file.:ending", {"/a.txt": ["a", "txt"], "/a.tar.gz": ["a", "tar.gz"], "/a": None}),
        ("/@:name", {"/@ada": ["ada"], "/ada": None, "/@": None}),
        ("/:a:b", {"/xyz": ["x", "yz"], "/x": None}),
        ("/n::name", {"/n:ada": ["ada"], "/nada": None}),
        (r"/n\:name", {"/n:name": [], "/nada": None}),
        (r"/a\*\?", {"/a*?": [], "/ab": None}),
        ("/:id/edit", {"/7/edit": ["7"], "/7/8/edit": None, "/edit": None, "//edit": None}),
        ("/foo:x?bar", {"/foobar": [""], "/fooxbar": ["x"], "/fooba": None}),
        ("/*", {"/": [""], "/a/b": ["a/b"]}),
        ("/files/*", {"/files": [""], "/files/": [""], "/files/a/b": ["a/b"], "/filesa": None}),
        ("/files/+", {"/files": None, "/files/": None, "/files/a/b": ["a/b"]}),
        ("/*.json", {"/a/b.json": ["a/b"], "/.json": [""], "/a.json.x": None}),
        ("/a*c*e", {"/abcde": ["b", "d"], "/ace": ["", ""], "/acce": ["c", ""]}),
        ("/*v1*/proxy", {"/x/v1/y/proxy": ["x/", "/y"], "/v1/proxy": ["", ""], "/v1": None}),
        ("/api/*/:last?", {"/api": ["", ""], "/api/a": ["a", ""], "/api/a/b/c": ["a/b", "c"]}),
        ("/hello/{name}", {"/hello/Ada": ["Ada"], "/hello/": None}),
        ("/files/{rest:path}", {"/files/a/b\nc": ["a/b\nc"]}),
        ("/a.b(c)[d]", {"/a.b(c)[d]": [], "/axb(c)[d]": None}),
    ],
)
def test_what_patterns_match(pattern, paths):
    assert {path: values(pattern, path) for path in paths} == paths


def test_wildcards_are_found_by_their_sign_too():
    assert Pattern("/*/x/*").match("/a/b/x/c") == {"*1": "a/b", "*2": "c", "*": "a/b"}
    assert Pattern("/+").match("/a") == {"+1": "a", "+": "a"}


def test_strict_and_case_sensitive():
    assert values("/shop", "/shop/", strict=True) is None
    assert values("/shop/", "/shop/", strict=True) == []
    assert values("/shop/", "/shop", strict=True) is None
    assert values("/Shop", "/shop", case_sensitive=True) is None
    assert values("/Shop", "/Shop", case_sensitive=True) == []


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("/", {"/": [], "/a/b": []}),
        ("/api", {"/api": [], "/api/": [], "/api/x/y": [], "/apis": None, "/": None}),
        ("/api/", {"/api": [], "/api/x": [], "/apis": None}),
        ("/:lang", {"/de": ["de"], "/de/a/b": ["de"], "/": None}),
    ],
)
def test_a_prefix_ends_with_a_segment(pattern, paths):
    assert {path: values(pattern, path, prefix=True) for path in paths} == paths


@pytest.mark.parametrize("pattern", ["/:id<int>", "/:a/:a"])
def test_a_pattern_that_cannot_be_is_refused(pattern):
    with pytest.raises(ValueError, match=r"constraints|twice"):
        Pattern(pattern)


TEXT = st.text("aB1_~é", min_size=1, max_size=4)
NAME = st.text("abcdefgh", min_size=1, max_size=3)


@st.composite
def patterns(draw):
    """A pattern, and a regular expression that means the same."""
    pattern = expression = ""
    for number in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["text", "one", "two", "ended"]))
        text, sign = draw(TEXT), draw(st.sampled_from("-."))
        first, second = f"a{number}", f"b{number}"
        pattern += {
            "text": f"/{text}",
            "one": f"/:{first}",
            "two": f"/:{first}{sign}:{second}",
            "ended": f"/:{first}.x",
        }[kind]
        bare = rf"(?P<{first}>(?:(?!{re.escape(sign)})[^/])+)"
        expression += {
            "text": "/" + re.escape(text),
            "one": rf"/(?P<{first}>[^/]+)",
            "two": rf"/{bare}{re.escape(sign)}(?P<{second}>[^/]+)",
            "ended": rf"/(?P<{first}>(?:(?!\.x)[^/])+)\.x",
        }[kind]
    ends = {
        "": "",
        "/:z?": "(?:/(?P<z>[^/]*))?",
        "/*": "(?:/(?P<star>.*))?",
        "/+": "/(?P<plus>.+)",
        "/*.js": r"/(?P<star>.*)\.js",
    }
    end = draw(st.sampled_from(sorted(ends)))
    return pattern + end or "/", expression + ends[end] or "/"


PATHS = st.text("/aB1_~é-.xjs", max_size=14).map("/".__add__)


def near(pattern):
    """Paths that the pattern may well match."""
    parts = re.split(r"(:\w+\??|[*+])", pattern)
    fill = st.text("aB1-.x/", max_size=4)
    return st.tuples(*(fill if index % 2 else st.just(part) for index, part in enumerate(parts))).map("".join)


@given(patterns(), st.data())
def test_patterns_match_as_regular_expressions_do(both, data):
    pattern, expression = both
    path = data.draw(near(pattern) | PATHS)
    assume(path.startswith("/"))
    shown = path.rstrip("/") or "/"
    found = Pattern(pattern).match(path)
    expected = re.fullmatch(expression, shown, re.DOTALL | re.IGNORECASE)
    assert (found is None) == (expected is None), (pattern, expression, shown)
    if expected is not None:
        names = {"star": "*", "plus": "+"}
        assert {names.get(name, name): value or "" for name, value in expected.groupdict().items()} == {
            name: value for name, value in found.items() if name[1:] != "1" or name[0] not in "*+"
        }


@given(st.from_regex(r"/([a-z.(){}\[\]|^$-]|/[a-z])*", fullmatch=True).filter(lambda each: "{" not in each))
def test_a_pattern_without_parameters_matches_itself_alone(pattern):
    assert Pattern(pattern).match(pattern) == {}
    assert Pattern(pattern).match(pattern + "x") is None


@given(st.text("/:*+?-.\\{}ab<", max_size=12), st.text())
def test_no_pattern_and_path_do_more_than_not_match(pattern, path):
    try:
        compiled = Pattern(pattern)
    except ValueError:
        return
    for name, value in (compiled.match(path) or {}).items():
        assert value in path
        assert "/" not in value or name[0] in "*+"


@given(st.text(), st.text())
def test_no_request_makes_the_router_raise(method, path):
    router = Router()
    router.get("/", print).all("/files/*", print).post("/items/:id", print)
    router.use("/api", print)
    list(router.steps(method, path))
    assert set(router.methods(path)) <= {"GET", "HEAD", "POST"}


def test_a_path_that_would_have_a_regular_expression_backtrack_is_nothing_special():
    assert Pattern("/" + "*a" * 30 + "b").match("/" + "a" * 50_000) is None
