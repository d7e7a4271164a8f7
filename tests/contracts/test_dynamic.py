"""Values that say themselves what they are."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import sys
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.contracts import dynamic
from weft.contracts.description import Mismatch


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass(frozen=True)
class Point:
    x: float
    color: Color = Color.RED


class Struct(msgspec.Struct):
    points: list[Point]


class Model(pydantic.BaseModel):
    width: int = pydantic.Field(alias="Width")
    when: dt.datetime


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(),
    st.datetimes(), st.dates(), st.times(), st.timedeltas(), st.uuids(), st.decimals(allow_nan=False),
    st.sampled_from(Color), st.builds(Point, st.floats(allow_nan=False)), st.just(Path("a/b")),
)  # fmt: skip
KEYS = st.one_of(
    st.text(), st.integers(), st.just("$set"), st.just("$dict"), st.tuples(st.integers(), st.text()), st.uuids()
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(KEYS, inner, max_size=4),
        st.sets(LEAVES, max_size=4),
        st.frozensets(KEYS, max_size=4),
        st.builds(Struct, st.lists(st.builds(Point, st.floats(allow_nan=False)), max_size=2)),
    ),
    max_leaves=12,
)


def find(name: str) -> type | None:
    return {"Color": Color, "Point": Point, "Struct": Struct, "Model": Model}.get(name.rpartition(":")[2])


@given(VALUES)
def test_values_arrive_as_they_were(sent, value):
    arrived = dynamic.unpack(sent(dynamic.pack(value)), find)
    assert arrived == value
    assert type(arrived) is type(value) or isinstance(value, Path)


def test_a_class_that_nobody_finds_is_a_dict_and_a_member_its_value():
    packed = dynamic.pack(Struct([Point(1.0)]))
    assert dynamic.unpack(packed) == {"points": [{"x": 1.0, "color": "red"}]}


def test_a_model_is_built_by_what_its_constructor_wants():
    model = Model(Width=3, when=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert dynamic.unpack(dynamic.pack(model), find) == model


def test_the_form_is_as_documented():
    name = f"{__name__}:"
    assert dynamic.pack({"a": [1, b"b", None, 1.5]}) == {"a": [1, b"b", None, 1.5]}
    assert dynamic.pack({1}) == {"$set": [1]}
    assert dynamic.pack(dt.date(2026, 11, 21)) == {"$date": "2026-11-21"}
    assert dynamic.pack(Point(1.0)) == {
        "$record": [f"{name}Point", {"x": 1.0, "color": {"$enum": [f"{name}Color", "red"]}}]
    }
    assert dynamic.pack({1: 2}) == {"$dict": [[1, 2]]}
    assert dynamic.pack({"$set": 2}) == {"$dict": [["$set", 2]]}
    assert dynamic.pack({"$set": 2, "b": 3}) == {"$set": 2, "b": 3}
    assert dynamic.pack(2**64) == {"$int": b"int:18446744073709551616"}
    assert dynamic.pack((decimal.Decimal("1.0"), uuid.UUID(int=0))) == {
        "$tuple": [{"$decimal": "1.0"}, {"$uuid": "00000000-0000-0000-0000-000000000000"}]
    }


def test_what_cannot_cross_is_named_with_its_place():
    for value, message in (
        (object(), "expected a type that can cross, found object"),
        ([1, {"a": (sys,)}], "[1]['a'][0]: expected a type that can cross, found module"),
        (Struct([Point(1.0), Point(lambda: 0)]), ".points[1].x: expected a type that can cross, found function"),
    ):
        with pytest.raises(Mismatch) as caught:
            dynamic.pack(value)
        assert str(caught.value) == message.lstrip(".")


def test_depth_is_bounded_both_ways(sent):
    value: list[Any] = []
    value.append(value)
    with pytest.raises(
        Mismatch, match="expected a value nested less deeply, found one that contains itself, or nearly"
    ):
        dynamic.pack(value)
    deep: Any = 1
    for _ in range(dynamic.MOST_DEEP):
        deep = [deep]
    assert dynamic.unpack(sent(dynamic.pack(deep))) == deep
    with pytest.raises(Mismatch, match="nested less deeply"):
        dynamic.unpack([deep])


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.binary(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["$set", "$dict", "$int", "$enum", "$record", "$datetime", "$x", "a"]), inner
            )
        ),
    )
)
def test_garbage_is_a_value_or_a_mismatch(data):
    try:
        dynamic.unpack(data, find)
    except Mismatch:
        return


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"$record": ["m:Point", {"z": 1}]}, "expected the form of $record, found KeyError: 'z'"),
        ({"$record": ["m:Point", {}]}, "expected Point, found fields that it refuses (TypeError: "),
        ({"$record": 5}, "expected the form of $record, found TypeError: cannot unpack"),
        ({"$enum": ["m:Color", "green"]}, "expected the form of $enum, found ValueError: 'green' is not a valid Color"),
        ({"$set": [[1]]}, "expected the form of $set, found TypeError: unhashable"),
        ({"$datetime": "soon"}, "expected datetime, found 'soon'"),
        ([1, {"$int": 5}], "[1]: expected an int beyond 64 bits"),
        ({"$tuple": 5}, "expected a value that says what it is, found '$tuple'"),
    ],
)
def test_a_form_that_is_wrong_is_named(form, message):
    with pytest.raises(Mismatch) as caught:
        dynamic.unpack(form, find)
    assert message in str(caught.value)


def test_classes_are_found_where_they_are_loaded_or_can_be(tmp_path, monkeypatch):
    (tmp_path / "weft_test_shop.py").write_text("class Item: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    name = "weft_test_shop:Item"
    assert dynamic.find_loaded(name) is None
    item = dynamic.find_importable(name)
    assert item is sys.modules["weft_test_shop"].Item
    assert dynamic.find_loaded(name) is item
    for absent in (
        "weft_test_absent:Item",
        "weft_test_shop:Absent",
        "weft_test_shop",
        "",
        ":x",
        "weft_test_shop:Item.x",
    ):
        assert dynamic.find_importable(absent) is None
    monkeypatch.delitem(sys.modules, "weft_test_shop")


def test_only_records_and_enums_are_built():
    """Another side may name a class, never call what it likes."""
    harmful = {"$record": ["subprocess:Popen", {"args": ["true"]}]}
    assert dynamic.unpack(harmful, dynamic.find_importable) == {"args": ["true"]}
    assert dynamic.unpack({"$enum": ["builtins:list", "abc"]}, dynamic.find_importable) == "abc"


def test_a_record_whose_fields_are_none_is_a_mismatch():
    with pytest.raises(Mismatch, match=r"\$record"):
        dynamic.unpack({"$record": ["shop:Item", 5]})
