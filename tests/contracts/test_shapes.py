"""Every type of the surface goes through unchanged, and what is wrong is named by its place."""

# ruff: noqa: UP007, UP045, PYI061, DTZ001, DTZ901 - every spelling crosses, and moments without a zone do
from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import math
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Optional, TypedDict, Union

import msgspec
import pydantic
import pytest
from pydantic import v1

from weft.contracts.description import Mismatch
from weft.contracts.plain import plainly
from weft.contracts.shape import Definitions

UTC = dt.UTC
NEPAL = dt.timezone(dt.timedelta(hours=5, minutes=45, seconds=30))


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Corner(enum.Enum):
    """Its values are not plain: it crosses by name."""

    FIRST = (0, 0)
    LAST = (9, 9)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2**70


class Mode(enum.StrEnum):
    FAST = "fast"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.0


@dataclasses.dataclass(frozen=True)
class Vague:
    """It says that it is hashable, which depends on what is in it."""

    inside: Any


@dataclasses.dataclass
class Tree:
    name: str
    children: list[Tree] = dataclasses.field(default_factory=list)
    seen: int = dataclasses.field(default=0, init=False)


class Struct(msgspec.Struct, rename="camel", kw_only=True):
    first_name: str
    tags: list[str] = []
    size: int = 3


class Model(pydantic.BaseModel):
    width: Annotated[int, pydantic.Field(ge=0)]
    point: Point | None = None
    other_name: str = pydantic.Field(default="-", alias="otherName")


class ByName(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)
    other_name: str = pydantic.Field(validation_alias=pydantic.AliasChoices("a", "b"))


class OldModel(v1.BaseModel):
    width: int
    point: Optional[Point] = None
    names: list[str] = v1.Field(default_factory=list, alias="allNames")


class Options(TypedDict, total=False):
    quality: int
    color: Color


class Answer(TypedDict):
    status: int
    text: NotRequired[str]


class Pair(NamedTuple):
    left: int
    right: str = "r"


UserId = NewType("UserId", int)
MOMENT = dt.datetime(2026, 11, 21, 12, 30, 15, 123456)

ROUND_TRIPS: list[tuple[Any, list[Any]]] = [
    (None, [None]),
    (bool, [True, False]),
    (int, [0, -5, 2**64 - 1, -(2**63), 2**64, -(2**63) - 1, 10**4000, -(10**100)]),
    (float, [1.5, math.inf, -math.inf, -0.0, 5e-324]),
    (str, ["", "ä\0€", "\U0001f600"]),
    (bytes, [b"", b"\0\xff", b"int:5"]),
    (bytearray, [bytearray(b"ab")]),
    (list[int], [[], [1, 2, 2**80]]),
    (Sequence[str], [["a"]]),
    (tuple[int, str], [(1, "a")]),
    (tuple[int, ...], [(), (1, 2, 3)]),
    (tuple[()], [()]),
    (dict[str, int], [{}, {"a": 1}]),
    (dict[int, str], [{1: "a", -5: "b", 2**70: "c"}]),
    (dict[bytes, list[float]], [{b"k": [1.0]}]),
    (dict[uuid.UUID, None], [{uuid.UUID(int=5): None}]),
    (dict[tuple[int, str], Point], [{(1, "a"): Point(1.0)}]),
    (dict[Point, int], [{Point(1.0): 5}]),
    (dict[Optional[bool], int], [{None: 1, True: 2}]),
    (dict[Color, Mode], [{Color.RED: Mode.FAST}]),
    (dict, [{"a": [1, (2, 3)]}]),
    (list, [[1, "a", {2}]]),
    (set[int], [set(), {1, 2}]),
    (frozenset[str], [frozenset({"a"})]),
    (set[frozenset[Color]], [{frozenset({Color.RED}), frozenset()}]),
    (set[Point], [{Point(1.0), Point(2.0)}]),
    (dt.datetime, [MOMENT, MOMENT.replace(tzinfo=UTC), MOMENT.replace(tzinfo=NEPAL), dt.datetime.min, dt.datetime.max]),
    (dt.date, [dt.date(2026, 11, 21)]),
    (dt.time, [dt.time(1, 2, 3, 4), dt.time(1, tzinfo=NEPAL)]),
    (dt.timedelta, [dt.timedelta(1, 2, 3), dt.timedelta(seconds=-1.5), dt.timedelta.min, dt.timedelta.max]),
    (uuid.UUID, [uuid.UUID(int=2**128 - 1)]),
    (decimal.Decimal, [decimal.Decimal("1.10"), decimal.Decimal("-Infinity"), decimal.Decimal("1E+5000")]),
    (Path, [Path("a/b"), Path("/"), Path("..")]),
    (Color, [Color.RED]),
    (Corner, [Corner.LAST]),
    (Level, [Level.LOW, Level.HIGH]),
    (Mode, [Mode.FAST]),
    (Access, [Access.READ | Access.WRITE, Access(0)]),
    (Literal["a", 1, True, None, b"x"], ["a", 1, True, None, b"x"]),
    (Literal[2**70], [2**70]),
    (Point, [Point(1.5, 2.5)]),
    (Tree, [Tree("a", [Tree("b", [Tree("c")]), Tree("d")])]),
    (Struct, [Struct(first_name="a", tags=["t"])]),
    (Model, [Model(width=1, point=Point(2.0), otherName="o"), Model(width=2)]),
    (ByName, [ByName(other_name="x")]),
    (OldModel, [OldModel(width=1, point=Point(2.0), allNames=["n"])]),
    (Options, [{}, {"quality": 3, "color": Color.BLUE}]),
    (Answer, [{"status": 1}, {"status": 1, "text": "t"}]),
    (Pair, [Pair(1), Pair(2, "b")]),
    (Optional[int], [None, 5, 2**90]),
    (Optional[dt.datetime], [None, MOMENT]),
    (Union[int, float, str], [1, 1.5, "a"]),
    (float | None, [1.5, None]),
    (str | dt.datetime | uuid.UUID, ["2026-01-01", MOMENT, uuid.UUID(int=1)]),
    (int | bytes, [1, b"a", b"int:5", 2**70]),
    (list[int] | list[str], [[1], ["a"]]),
    (Point | Pair | Tree, [Point(1.0), Pair(1), Tree("t")]),
    (Options | Answer, [{"quality": 1}, {"status": 1}]),
    (Color | str, [Color.RED, "red"]),
    (Union[Optional[int], list[Optional[str]]], [None, 1, ["a", None]]),
    (Annotated[int, "metres"], [5]),
    (UserId, [UserId(5)]),
    (Any, [None, 1, [1, {"a": b"b"}], (1, 2), {1, 2}, MOMENT, {1: "a"}]),
    (list[Any], [[1, (2,), {"a": {3}}]]),
]
EACH = [(annotation, value) for annotation, values in ROUND_TRIPS for value in values]


@pytest.mark.parametrize(("annotation", "value"), EACH, ids=[str(annotation)[:60] for annotation, _ in EACH])
def test_a_value_arrives_as_it_was(shape_of, cross, annotation, value):
    arrived = cross(shape_of(annotation), value)
    assert arrived == value
    assert type(arrived) is type(value)


def test_not_a_number_arrives(shape_of, cross):
    assert math.isnan(cross(shape_of(float), math.nan))
    assert cross(shape_of(decimal.Decimal), decimal.Decimal("NaN")).is_nan()


@pytest.mark.parametrize(
    ("annotation", "given", "arrives"),
    [
        (float, 3, 3.0),
        (float, 10**25, 1e25),
        (Union[float, str], 3, 3.0),
        (Union[float, list[int], list[str]], 3, 3.0),
        (bytes, bytearray(b"a"), b"a"),
        (bytes, memoryview(b"a"), b"a"),
        (Optional[bytes], bytearray(b"a"), b"a"),
        (list[int], (1, 2), [1, 2]),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[int, str], [1, "a"], (1, "a")),
        (set[int], frozenset({1}), {1}),
        (Union[float, int, list[int], list[str]], 3, 3),
    ],
)
def test_what_is_as_good_is_taken(shape_of, cross, annotation, given, arrives):
    arrived = cross(shape_of(annotation), given)
    assert arrived == arrives
    assert type(arrived) is type(arrives)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, object()]}, "['a'][1]: expected a value that can cross, found object"),
        ([2**70, {"k": print}], "[1]['k']: expected a value that can cross, found builtin_function_or_method"),
    ],
)
def test_what_no_encoder_takes_is_named_by_its_place(value, message):
    with pytest.raises(Mismatch) as caught:
        plainly(value)
    assert str(caught.value) == message


def test_what_contains_itself_is_not_made_plain():
    value: list[Any] = []
    value.append(value)
    with pytest.raises(Mismatch, match="expected values nested at most 128 deep, found deeper ones"):
        plainly(value)


def test_a_default_that_cannot_cross_is_the_classes_own(shape_of):
    """Such as a mark for what is not given: the field may be left out, and the class knows."""
    shape = shape_of(Marked)
    assert shape.unpack({}) == Marked()
    assert "default" not in str(shape.schema(definitions := Definitions())) + str(definitions.schemas)


UNSET: Any = object()


@dataclasses.dataclass
class Marked:
    x: int = UNSET


def test_bare_containers_hold_anything(shape_of, cross):
    for annotation, value in ((list, [1, (2,)]), (tuple, (1, {2})), (dict, {"a": (1,)}), (set, {1, "a"})):
        assert cross(shape_of(annotation), value) == value


def test_numbers_and_texts_of_subclasses_are_made_plain(shape_of, cross):
    class Safe(str):
        __slots__ = ()

    class Metres(float):
        pass

    for annotation, value in ((str, Safe("a")), (float, Metres(1.5)), (dict[str, float], {Safe("k"): Metres(2.5)})):
        arrived = cross(shape_of(annotation), value)
        assert arrived == value
        assert type(arrived) in (str, float, dict)


def test_what_another_side_may_write_of_a_moment_is_read(shape_of):
    assert shape_of(dt.datetime).unpack("2026-11-21T12:00:00Z") == dt.datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_receivers_class_fills_in_its_defaults(shape_of):
    assert shape_of(Point).unpack({"x": 1.0}) == Point(1.0)
    assert shape_of(Struct).unpack({"first_name": "a"}) == Struct(first_name="a")
    assert shape_of(Model).unpack({"width": 1}) == Model(width=1)
    assert shape_of(OldModel).unpack({"width": 1}) == OldModel(width=1)
    assert shape_of(Pair).unpack({"left": 1}) == Pair(1)


WRONG: list[tuple[Any, Any, str]] = [
    (int, "5", "expected int, found str"),
    (int, True, "expected int, found bool"),
    (int, 1.0, "expected int, found float"),
    (int, b"int:5", "expected int, found bytes"),
    (int, b"int:" + b"9" * 5000, "expected int, found bytes"),
    (int, b"int:--" + b"9" * 50, "expected int, found bytes"),
    (int, None, "expected int, found None"),
    (float, True, "expected float, found bool"),
    (float, "1", "expected float, found str"),
    (float, b"int:" + b"9" * 400, "expected float, found an int that no float can hold"),
    (bool, 1, "expected bool, found int"),
    (str, b"a", "expected str, found bytes"),
    (bytes, "a", "expected bytes, found str"),
    (None, 0, "expected None, found int"),
    (dt.datetime, "soon", "expected datetime, found 'soon'"),
    (dt.datetime, 5, "expected datetime, found int"),
    (dt.timedelta, "P1Y", "expected timedelta, found 'P1Y'"),
    (dt.timedelta, "P9999999999DT0S", "expected timedelta, found 'P9999999999DT0S'"),
    (uuid.UUID, "x" * 5000, "expected UUID, found '" + "x" * 98 + "…"),
    (decimal.Decimal, "one", "expected Decimal, found 'one'"),
    (list[int], [1, "a", 3], "[1]: expected int, found str"),
    (list[int], {"a": 1}, "expected list[int], found dict"),
    (dict[str, list[int]], {"a": [1, None]}, "['a'][1]: expected int, found None"),
    (dict[int, str], {"a": "b"}, "['a']: expected int, found str"),
    (dict[tuple[int, int], str], [[[1, 2], "a"], [[1], "b"]], "[a list]: expected tuple[int, int], found 1 items"),
    (dict[tuple[int, int], str], [1], "expected dict[tuple[int, int], str], found a list of other things than pairs"),
    (dict[Vague, str], [[{"inside": [1]}, ""]], "found a key that cannot be in a dict"),
    (set[Any], [[1]], "expected set[Any], found an item that cannot be in a set"),
    (tuple[int, str], [1], "expected tuple[int, str], found 1 items"),
    (tuple[int, str], [1, 2], "[1]: expected str, found int"),
    (Color, "green", "expected Color: one of 'red', 'blue', found 'green'"),
    (Color, [], "expected Color: one of 'red', 'blue', found list"),
    (Corner, "MIDDLE", "one of 'FIRST', 'LAST', found 'MIDDLE'"),
    (Level, True, "found bool"),
    (Access, 64, "expected Access, found 64"),
    (Access, True, "expected Access, found bool"),
    (Literal[1, "a"], True, "expected one of 1, 'a', found bool"),
    (Literal[1, "a"], 1.0, "expected one of 1, 'a', found float"),
    (Point, {"y": 1.0}, "x: expected float, found nothing"),
    (Point, {"x": 1.0, "z": 1, "w": 2}, "expected Point, found the unknown fields 'w', 'z'"),
    (Point, {"x": "a"}, "x: expected float, found str"),
    (Point, [1.0], "expected Point, found list"),
    (Point, {1: 1.0}, "expected Point, found the unknown fields '1'"),
    (list[Tree], [{"name": "a", "children": [{"name": 5}]}], "[0].children[0].name: expected str, found int"),
    (Model, {"width": -1}, "expected Model, found fields that it refuses (ValidationError: 1 validation error"),
    (Options, {"color": "green"}, "color: expected Color: one of 'red', 'blue', found 'green'"),
    (Answer, {"text": "a"}, "status: expected int, found nothing"),
    (Optional[int], "a", "expected int | None, found str"),
    (str | dt.datetime, "a", "expected [index, value] for str | datetime, found str"),
    (str | dt.datetime, [2, "a"], "expected an index below 2 for str | datetime, found 2"),
    (str | dt.datetime, [True, "a"], "expected [index, value] for str | datetime, found list"),
    (str | dt.datetime, [1, "a"], "expected datetime, found 'a'"),
    (Any, {"$unknown": 1}, "expected a value that says what it is, found '$unknown'"),
]


@pytest.mark.parametrize(("annotation", "plain", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_named_by_its_place(shape_of, annotation, plain, message):
    with pytest.raises(Mismatch) as caught:
        shape_of(annotation).unpack(plain)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (Point, {"x": 1.0}, "expected Point, found dict"),
        (list[Point], [Point(1.0), 5], "[1]: expected Point, found int"),
        (list[Point], "ab", "expected list[Point], found str"),
        (dict[str, Point], [Point(1.0)], "expected dict[str, Point], found list"),
        (set[int], [1], "expected set[int], found list"),
        (tuple[int, str], (1,), "expected tuple[int, str], found 1 items"),
        (dt.datetime, "2026", "expected datetime, found str"),
        (dt.date, MOMENT, "expected date, found datetime"),
        (Color, "red", "expected Color: one of 'red', 'blue', found 'red'"),
        (Access, 1, "expected Access, found int"),
        (Options, {"size": 1}, "expected Options, found the unknown fields 'size'"),
        (Answer, {}, "status: expected int, found nothing"),
        (Optional[Point], 5, "expected Point | None, found int"),
        (str | dt.datetime, 5, "expected str | datetime, found int"),
        (Any, [1, {"a": 1j}], "[1]['a']: expected a type that can cross, found complex"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_packed_is_named_by_its_place(shape_of, annotation, value, message):
    with pytest.raises(Mismatch) as caught:
        shape_of(annotation).packed(value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "annotation", [int, bytes, list[int], dict[str, list[float]], Optional[int], int | str, Literal["a"]]
)
def test_what_is_plain_already_costs_nothing_to_pack(shape_of, annotation):
    assert shape_of(annotation).pack is None


def test_plain_lists_are_checked_and_handed_on_as_they_are(shape_of):
    plain = [1, 2, 3]
    assert shape_of(list[int]).unpack(plain) is plain
    assert shape_of(list[Optional[int]]).unpack(plain) is plain


def nested(depth):
    tree = {"name": "leaf"}
    for _ in range(depth):
        tree = {"name": "a", "children": [tree]}
    return tree


def test_depth_is_bounded_both_ways(shape_of):
    assert shape_of(Tree).unpack(nested(30)).children[0].children[0].name == "a"
    with pytest.raises(Mismatch, match="expected Tree, nested less deeply, found one that contains itself") as caught:
        shape_of(Tree).unpack(nested(5000))
    assert len(str(caught.value)) < 400
    tree = Tree("a")
    tree.children.append(tree)
    with pytest.raises(Mismatch, match="expected Tree, nested less deeply, found one that contains itself"):
        shape_of(Tree).packed(tree)


def test_an_int_that_nobody_would_wait_for_is_refused(cross, shape_of):
    with pytest.raises(Mismatch, match="expected an int of at most 4300 digits, found one of"):
        cross(shape_of(int), 10**5000)


def test_a_class_may_refuse_its_fields_with_any_error(shape_of):
    with pytest.raises(Mismatch, match=r"expected Picky, found fields that it refuses \(RuntimeError: no\)"):
        shape_of(Picky).unpack({"x": 1})


@dataclasses.dataclass
class Picky:
    x: int

    def __post_init__(self):
        raise RuntimeError("no")
