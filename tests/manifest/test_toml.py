"""Where the keys of a TOML file stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import ManifestError
from weft.manifest.toml import parse_toml, toml_lines

TEXT = '''\
# a comment with "quotes" and [brackets]
a = 1
[x]
b = [1, 2,
  "q", {z = 1, w.v = 2},
]
"quoted key" = """
[nope]
k = 1
"""
c.d = 1.5
[[t]]
k = 1
[[t]]
k = 2
[ x . y ]
e = 2020-01-01 10:00:00
f = 'C:\\[x]'
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("a",), 2), (("x",), 3), (("x", "b"), 4), (("x", "b", 1), 4), (("x", "b", 2), 5), (("x", "b", 3, "z"), 5),
        (("x", "b", 3, "w", "v"), 5), (("x", "quoted key"), 7), (("x", "c", "d"), 11), (("t", 0, "k"), 13),
        (("t", 1, "k"), 15), (("x", "y"), 16), (("x", "y", "e"), 17), (("x", "y", "f"), 18),
    ],
)  # fmt: skip
def test_every_key_has_its_line(key: tuple[str | int, ...], line: int) -> None:
    assert toml_lines(TEXT)[key] == line


def test_what_stands_in_a_text_is_no_key() -> None:
    assert ("nope",) not in toml_lines(TEXT)
    assert ("x", "k") not in toml_lines(TEXT)


def test_an_error_has_its_line() -> None:
    with pytest.raises(ManifestError) as refused:
        parse_toml("a = 1\nb = = 2\n", Path("x.toml"), offset=10)
    (problem,) = refused.value.problems
    assert problem.line == 12


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "{a=" * 50_000,
        ".".join("a" * 400_000) + " = 1",
        "[" + ".".join("a" * 400_000) + "]",
        "a = '''",
        "\0",
        "a = 99999-99-99",
        "a=" + "1" * 5000,
    ],
    ids=["lists", "tables", "dots", "header", "open", "nul", "date", "digits"],
)
def test_bombs_are_refused(text: str) -> None:
    with pytest.raises(ManifestError):
        parse_toml(text, Path("x.toml"))


KEYS = st.text("abc", min_size=1, max_size=2)
DATA = st.recursive(
    st.integers() | st.text(max_size=8) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def _written(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(_written, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return '"' + "".join(f"\\U{ord(c):08X}" for c in str(value) if not 0xD800 <= ord(c) < 0xE000) + '"'


def _places(value: object, key: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [key, *(place for part, item in items for place in _places(item, (*key, part)))]


@given(st.dictionaries(KEYS, DATA, max_size=4))
def test_every_place_of_a_document_is_found(document: dict[str, object]) -> None:
    text = "".join(f"{key} = {_written(value)}\n" for key, value in document.items())
    parsed, lines = parse_toml(text, Path("x.toml"))
    assert set(_places(parsed, ())) - {()} == set(lines)
    first = [lines[key,] for key in parsed]
    assert first == sorted(first)
