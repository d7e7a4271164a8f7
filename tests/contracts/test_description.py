"""What travels at hello: the same text every time, read back as the same contract, and nothing else is read."""

from __future__ import annotations

import copy
import dataclasses
import enum
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal, Protocol

import pytest

import weft
from weft.contracts.declare import contract_of
from weft.contracts.description import Contract, HookOptions, Mismatch
from weft.errors import ContractError


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Access(enum.IntFlag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Item:
    name: str
    color: Color = Color.RED
    parts: list[Item] = dataclasses.field(default_factory=list)


def other_item():
    @dataclasses.dataclass
    class Item:
        size: int

    return Item


Other = other_item()


class Missing(Exception):  # noqa: N818 - as people name theirs
    pass


@weft.contract(version=2)
class Shop(Protocol):
    """Sells."""

    limit: int

    @property
    def currency(self) -> str:
        """ISO 4217."""
        return "EUR"

    @weft.hook("first", on_error="continue", deadline=1.5)
    @weft.raises(Missing)
    async def find(self, name: str, *, color: Color = Color.BLUE, access: Access | None = None) -> Item | None:
        """One item."""
        ...

    def stock(
        self, items: AsyncIterator[Item], tell: Callable[[float], Awaitable[bool]]
    ) -> AsyncIterator[int | str]: ...
    async def swap(self, item: Item, other: Other, how: Literal["fast", 2**70] = 2**70) -> tuple[Item, Other]: ...
    async def audit(self, key: str | bytes | Color, sizes: dict[int, set[tuple[int, ...]]]) -> Any:
        return key


DESCRIBED = {
    "contract": "shop",
    "version": 2,
    "description": "Sells.",
    "methods": {
        "find": {
            "description": "One item.",
            "parameters": [
                {"name": "name", "schema": {"type": "string"}},
                {"name": "color", "schema": {"$ref": "#/$defs/Color"}, "keyword_only": True, "default": "blue"},
                {
                    "name": "access",
                    "schema": {"anyOf": [{"$ref": "#/$defs/Access"}, {"type": "null"}]},
                    "keyword_only": True,
                    "default": None,
                },
            ],
            "result": {"anyOf": [{"$ref": "#/$defs/Item"}, {"type": "null"}]},
            "hook": {"mode": "first", "on_error": "continue", "deadline": 1.5},
            "raises": ["Missing"],
        },
        "stock": {
            "parameters": [
                {"name": "items", "stream": {"$ref": "#/$defs/Item"}},
                {
                    "name": "tell",
                    "callback": {"arguments": [{"type": "number"}], "result": {"type": "boolean"}, "awaited": True},
                },
            ],
            "result": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "streams": True,
        },
        "swap": {
            "parameters": [
                {"name": "item", "schema": {"$ref": "#/$defs/Item"}},
                {"name": "other", "schema": {"$ref": "#/$defs/Item_2"}},
                {
                    "name": "how",
                    "schema": {"enum": ["fast", b"int:1180591620717411303424"]},
                    "default": b"int:1180591620717411303424",
                },
            ],
            "result": {
                "type": "array",
                "prefixItems": [{"$ref": "#/$defs/Item"}, {"$ref": "#/$defs/Item_2"}],
                "items": False,
            },
        },
        "audit": {
            "parameters": [
                {
                    "name": "key",
                    "schema": {
                        "anyOf": [
                            {
                                "type": "array",
                                "prefixItems": [{"const": index}, schema],
                                "items": False,
                            }
                            for index, schema in enumerate(
                                (
                                    {"type": "string"},
                                    {"type": "string", "format": "binary"},
                                    {"$ref": "#/$defs/Color"},
                                )
                            )
                        ]
                    },
                },
                {
                    "name": "sizes",
                    "schema": {
                        "type": "object",
                        "propertyNames": {"type": "integer"},
                        "additionalProperties": {
                            "type": "array",
                            "items": {"type": "array", "items": {"type": "integer"}},
                            "uniqueItems": True,
                        },
                    },
                },
            ],
            "result": {},
            "optional": True,
        },
    },
    "constants": {
        "limit": {"schema": {"type": "integer"}},
        "currency": {"schema": {"type": "string"}, "description": "ISO 4217.", "optional": True},
    },
    "$defs": {
        "Color": {"title": "Color", "enum": ["red", "blue"]},
        "Access": {"title": "Access", "type": "integer", "format": "flags", "names": {"READ": 1, "WRITE": 2}},
        "Item": {
            "title": "Item",
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "color": {"$ref": "#/$defs/Color", "default": "red"},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
            },
            "required": ["name"],
            "additionalProperties": False,
        },
        "Item_2": {
            "title": "Item",
            "type": "object",
            "properties": {"size": {"type": "integer"}},
            "required": ["size"],
            "additionalProperties": False,
        },
    },
}


def test_a_contract_is_described():
    assert contract_of(Shop).describe() == DESCRIBED


def test_what_is_read_back_is_described_alike(sent):
    parsed = Contract.parse(sent(DESCRIBED))
    assert parsed.describe() == DESCRIBED
    assert list(parsed.describe()["methods"]) == list(DESCRIBED["methods"])
    assert parsed.key == "shop@2"


def test_what_is_read_back_is_the_same_contract():
    declared, parsed = contract_of(Shop), Contract.parse(DESCRIBED)
    for name, method in declared.methods.items():
        other = parsed.methods[name]
        same = ("doc", "streams", "stream_in", "callbacks", "hook", "raises_names", "optional")
        assert [getattr(method, key) for key in same] == [getattr(other, key) for key in same]
        assert [(p.name, p.keyword_only, p.required) for p in method.parameters] == [
            (p.name, p.keyword_only, p.required) for p in other.parameters
        ]
    assert parsed.methods["find"].hook == HookOptions("first", "continue", 1.5)
    assert parsed.methods["find"].raises == ()
    assert parsed.methods["swap"].parameters[2].default == 2**70
    assert parsed.methods["find"].parameters[1].default == "blue"


def test_arguments_cross_between_a_side_with_classes_and_one_without(sent):
    declared, parsed = contract_of(Shop).methods["swap"], Contract.parse(DESCRIBED).methods["swap"]
    values = [Item("a", Color.BLUE, [Item("b")]), Other(3), 2**70]
    plain = sent(declared.pack_arguments(values))
    theirs = parsed.unpack_arguments(plain)
    assert theirs == [
        {"name": "a", "color": "blue", "parts": [{"name": "b", "color": "red", "parts": []}]},
        {"size": 3},
        2**70,
    ]
    assert declared.unpack_arguments(sent(parsed.pack_arguments(theirs))) == values
    objects = [Item("a", Color.BLUE, [Item("b")]), Other(3), 2**70]
    assert sent(parsed.pack_arguments(objects)) == plain, "a side without the class takes any object with the fields"


def test_converters_leave_streams_and_callbacks_where_they_are():
    stock = contract_of(Shop).methods["stock"]
    stream, callback = object(), print
    assert stock.pack_arguments([stream, callback]) == [stream, callback]
    assert stock.unpack_arguments([1, None]) == [1, None]
    assert (stock.packs_arguments, stock.packs_item, stock.packs_result) == (False, True, False)
    assert stock.unpack_item(stock.pack_item(Item("a"))) == Item("a")
    tell = stock.parameters[1].shape
    assert tell.unpack_arguments([1]) == [1.0]
    with pytest.raises(Mismatch, match="argument 1: expected float, found str"):
        tell.unpack_arguments(["a"])


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ([], "expected 3 arguments, found 0"),
        ([{"name": "a"}, {"size": "b"}, "fast"], "other.size: expected int, found str"),
        (
            [{"name": "a"}, {"size": 1}, "slow"],
            "how: expected one of 'fast', 1180591620717411303424, found 'slow'",
        ),
        ([{"name": "a", "parts": [{"name": 1}]}, {"size": 1}, "fast"], "item.parts[0].name: expected str, found int"),
    ],
)
def test_arguments_are_checked_where_they_arrive(plain, message):
    with pytest.raises(Mismatch) as caught:
        contract_of(Shop).methods["swap"].unpack_arguments(plain)
    assert str(caught.value) == message
    assert (caught.value.path or "arguments") in f"{message} arguments"


def test_arguments_are_checked_where_they_are_packed():
    with pytest.raises(Mismatch, match="item: expected Item, found int"):
        contract_of(Shop).methods["swap"].pack_arguments([5, Other(1), "fast"])


def test_exact_scalars_are_handed_on_as_they_are():
    @weft.contract
    class Thumbnailer(Protocol):
        async def thumbnail(self, image: bytes, width: int) -> bytes: ...

    method = contract_of(Thumbnailer).methods["thumbnail"]
    arguments = (b"image", 200)
    assert method.unpack_arguments(arguments) is arguments
    assert method.pack_arguments(arguments) is arguments
    assert not any((method.packs_arguments, method.packs_result))


def changed(*path: Any, to: Any) -> Any:
    """The description with one place changed; ``to`` None: without it."""
    described = copy.deepcopy(DESCRIBED)
    place: Any = described
    for step in path[:-1]:
        place = place[step]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return described


SWAP, FIND = ("methods", "swap"), ("methods", "find")
HOSTILE = [
    None,
    {},
    [DESCRIBED],
    *(changed(key, to=None) for key in ("contract", "version", "methods", "$defs")),
    changed("contract", to="a b"),
    changed("contract", to=5),
    changed("version", to="2"),
    changed("version", to=0),
    changed("description", to=b"x"),
    changed("$defs", to=[]),
    changed("methods", to=[["a", {}]]),
    changed("methods", "__init__", to=DESCRIBED["methods"]["swap"]),
    changed("methods", "class", to=DESCRIBED["methods"]["swap"]),
    changed("methods", "a(): import os", to=DESCRIBED["methods"]["swap"]),
    changed(*SWAP, "result", to=None),
    changed(*SWAP, "result", to={"type": "frobnicate"}),
    changed(*SWAP, "result", to={"$ref": "#/$defs/Absent"}),
    changed(*SWAP, "result", to={"unknown": 1}),
    changed(*SWAP, "result", to={"enum": [[1]]}),
    changed(*SWAP, "result", to=[]),
    changed(*SWAP, "streams", to=1),
    changed(*SWAP, "parameters", 0, "name", to="x=5"),
    changed(*SWAP, "parameters", 0, "name", to="other"),
    changed(*SWAP, "parameters", 0, "keyword_only", to="yes"),
    changed(*SWAP, "parameters", 2, "default", to="slow"),
    changed(*FIND, "hook", "mode", to="random"),
    changed(*FIND, "hook", "deadline", to="1s"),
    changed(*FIND, "raises", to=["a b"]),
    changed("methods", "stock", "parameters", 1, to=DESCRIBED["methods"]["stock"]["parameters"][0]),
    changed("$defs", "Item", "required", to=None),
    changed("$defs", "Access", "names", to={"READ": "1"}),
    changed("constants", "limit", "schema", to=None),
]


@pytest.mark.parametrize("described", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_description_is_refused(described):
    with pytest.raises(ContractError, match="this is no description of a contract"):
        Contract.parse(described)


def test_a_description_without_end_is_refused():
    schema: Any = {"type": "integer"}
    for _ in range(100_000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(ContractError, match="this is no description of a contract"):
        Contract.parse(changed(*SWAP, "result", to=schema))
    while schema:  # a hundred thousand dicts are not to be freed by recursion
        schema = schema.pop("items", None)


@pytest.mark.parametrize(
    "parameters",
    [
        [{"name": "ª", "schema": {}}, {"name": "a", "schema": {}}],
        [{"name": "_\uff3fcall", "schema": {}}],
        [{"name": "ﬁle", "schema": {}, "default": 1}],
        [{"name": "a", "schema": {}, "default": 1}, {"name": "b", "schema": {}}],
    ],
)
def test_parameters_that_no_function_can_have_are_no_description(parameters):
    described = {"contract": "x", "version": 1, "methods": {"m": {"parameters": parameters, "result": {}}}}
    with pytest.raises(ContractError, match="no description of a contract"):
        Contract.parse(described)
