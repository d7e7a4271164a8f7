"""Plain values as JSON: every type there and back, and what a JSON value may not be."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import enum
import json
import math
import pathlib
import uuid
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weft
from weft.contracts.declare import contract_of
from weft.contracts.description import Contract
from weft.contracts.mismatch import Mismatch
from weft.server.json_form import JsonForm, described_json, described_plain


class Colour(enum.Enum):
    RED = "red"
    RAW = b"\x00"
    FAR = 2**80


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Item:
    name: str
    default: bytes = b"ab"
    far: int = 2**70
    next: Item | None = None


@weft.contract
class Everything(Protocol):
    async def method(
        self,
        text: str,
        raw: bytes,
        number: int,
        real: float,
        truth: bool,  # noqa: FBT001
        moment: dt.datetime,
        long: dt.timedelta,
        price: decimal.Decimal,
        number_of: uuid.UUID,
        place: pathlib.Path,
        colour: Colour,
        rights: Right,
        literal: Literal["a", 1, b"x", True] | None,
        item: Item,
        listed: list[bytes],
        fixed: tuple[int, bytes, str],
        unique: set[bytes],
        named: dict[str, float],
        numbered: dict[int, bytes],
        by_bytes: dict[bytes, int],
        by_truth: dict[bool, None],
        by_pair: dict[tuple[int, str], bytes],
        by_colour: dict[Colour, int],
        by_either: dict[int | str, str],
        maybe: bytes | None,
        either: bytes | str,
        real_or_text: float | str | None,
        tagged: int | dt.date | str | list[bytes] | list[int],
        whatever: Any,
    ) -> None: ...


CONTRACT = contract_of(Everything)
METHOD = CONTRACT.methods["method"]
DESCRIBED = CONTRACT.describe()
SCHEMAS = {each["name"]: each["schema"] for each in DESCRIBED["methods"]["method"]["parameters"]}
FORM = JsonForm(DESCRIBED["$defs"])

wide = st.integers() | st.integers(2**63, 2**90) | st.integers(-(2**90), -(2**64))
raw = st.binary(max_size=8)
text = st.text(max_size=8)
reals = st.floats(allow_nan=False)
colours = st.sampled_from(Colour)
items = st.builds(Item, text, raw, wide, st.none() | st.builds(Item, text))
anything = st.recursive(
    st.none() | st.booleans() | wide | reals | text | raw | st.dates() | st.decimals(allow_nan=False) | st.uuids(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(text, inner, max_size=3)
        | st.dictionaries(wide, inner, max_size=3)
        | st.sets(raw, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": text,
    "raw": raw,
    "number": wide,
    "real": reals | wide.map(float),
    "truth": st.booleans(),
    "moment": st.datetimes(timezones=st.none() | st.just(dt.UTC)),
    "long": st.timedeltas(),
    "price": st.decimals(allow_nan=False),
    "number_of": st.uuids(),
    "place": st.just(pathlib.Path("/a/b c")),
    "colour": colours,
    "rights": st.sampled_from([Right(0), Right.READ, Right.READ | Right.WRITE]),
    "literal": st.sampled_from(["a", 1, b"x", None, True]),
    "item": items,
    "listed": st.lists(raw, max_size=3),
    "fixed": st.tuples(wide, raw, text),
    "unique": st.sets(raw, max_size=3),
    "named": st.dictionaries(text.filter(lambda key: not key.startswith("$")), reals, max_size=3),
    "numbered": st.dictionaries(wide, raw, max_size=3),
    "by_bytes": st.dictionaries(raw, wide, max_size=3),
    "by_truth": st.dictionaries(st.booleans(), st.none()),
    "by_pair": st.dictionaries(st.tuples(wide, text), raw, max_size=3),
    "by_colour": st.dictionaries(colours, wide),
    "by_either": st.dictionaries(wide | text, text, max_size=3),
    "maybe": st.none() | raw,
    "either": raw | text,
    "real_or_text": reals | text | st.none(),
    "tagged": wide | st.dates() | text | st.lists(raw, min_size=1, max_size=2) | st.lists(wide, min_size=1, max_size=2),
    "whatever": anything,
}


def shape(name):
    return next(each.shape for each in METHOD.parameters if each.name == name)


def same(one, other):
    """Equal, and of the same types; sets have no order."""
    return one == other and (sorted(repr(one)) == sorted(repr(other)))


@pytest.mark.parametrize("name", sorted(VALUES))
@given(data=st.data())
def test_every_type_comes_back_from_json(name, data):
    value = shape(name).unpack(shape(name).packed(data.draw(VALUES[name])))
    sent = json.dumps(FORM.write(SCHEMAS[name], shape(name).packed(value)), allow_nan=False)
    assert same(shape(name).unpack(FORM.read(SCHEMAS[name], json.loads(sent))), value)


@given(anything | st.floats())
def test_no_json_value_breaks_the_reading(value):
    try:
        told = json.loads(json.dumps(value, default=str))
    except TypeError:
        return  # keys that JSON has not
    for schema in SCHEMAS.values():
        try:
            FORM.read(schema, told)
        except Mismatch as error:
            assert "base64" in str(error)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["real", "real_or_text", "whatever"])
def test_a_float_that_json_has_not_says_so(name, value):
    written = FORM.write(SCHEMAS[name], value)
    assert written == {"$float": str(value)}
    assert repr(FORM.read(SCHEMAS[name], written)) == repr(value)


def test_what_people_write():
    read = FORM.read
    encoded = base64.b64encode(b"abc").decode()
    assert read(SCHEMAS["raw"], encoded) == b"abc"
    assert read(SCHEMAS["maybe"], encoded) == b"abc"
    assert read(SCHEMAS["either"], encoded) == encoded
    assert read(SCHEMAS["either"], {"$bytes": encoded}) == b"abc"
    assert read(SCHEMAS["numbered"], {"5": encoded}) == {5: b"abc"}
    assert read(SCHEMAS["item"], {"name": "x", "default": encoded}) == {"name": "x", "default": b"abc"}
    assert read(SCHEMAS["number"], "five") == "five"  # the contract's own check says more


def test_bytes_that_are_no_base64_are_told_with_their_place():
    with pytest.raises(Mismatch, match=r"^\[1\]: expected bytes as base64 text, found 'ab c'$"):
        FORM.read(SCHEMAS["listed"], ["YWI=", "ab c"])
    with pytest.raises(Mismatch, match=r"^default: expected bytes as base64 text"):
        FORM.read(SCHEMAS["item"], {"name": "x", "default": "é"})


def test_a_value_without_end_is_refused():
    deep: Any = None
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Mismatch, match="nested less deeply"):
        FORM.read({}, deep)


def test_a_description_comes_back_from_json():
    told = json.loads(json.dumps(described_json(DESCRIBED), allow_nan=False))
    assert described_plain(told) == DESCRIBED
    assert Contract.parse(described_plain(told)).describe() == DESCRIBED


def test_a_description_is_json():
    told = json.loads(json.dumps(described_json(DESCRIBED), allow_nan=False))
    parameters = {each["name"]: each["schema"] for each in told["methods"]["method"]["parameters"]}
    assert parameters["raw"] == {"type": "string", "format": "binary", "contentEncoding": "base64"}
    fields = told["$defs"]["Item"]["properties"]
    assert fields["default"] == {**parameters["raw"], "default": "YWI="}
    assert fields["far"]["default"] == 2**70
    assert told["$defs"]["Colour"]["enum"] == ["red", {"$bytes": "AA=="}, 2**80]


def test_a_description_without_bytes_is_as_it_is():
    @weft.contract
    class Plain(Protocol):
        async def method(self, name: str = "x", sizes: tuple[int, ...] = (1,)) -> dict[str, int]: ...

    described = contract_of(Plain).describe()
    assert described_json(described) == described
