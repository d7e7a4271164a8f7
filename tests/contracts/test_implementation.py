"""Negotiation: what provides a contract, what does not and why, and which classes a provider gets."""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Literal, Optional, Protocol, TypedDict

import pytest

import weft
from weft.contracts.declare import contract_of
from weft.contracts.description import Contract
from weft.contracts.implementation import compare, describe_provider, implement
from weft.errors import ContractMismatch


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Size:
    width: int
    height: int = 0
    color: Color = Color.RED


@weft.contract
class Studio(Protocol):
    limit: int

    @property
    def title(self) -> str:
        return "untitled"

    async def thumbnail(self, image: bytes, width: int) -> bytes: ...
    async def measure(self, size: Size, sizes: list[Size] | None = None) -> Size | None: ...
    def frames(self, video: bytes) -> AsyncIterator[bytes]: ...
    async def store(self, parts: AsyncIterator[Size]) -> int: ...
    async def convert(self, progress: Callable[[Size], bool], *, sharp: bool = False) -> None: ...
    async def anything(self, value: Any) -> Any: ...
    async def later(self, x: int) -> int:
        return x


CONTRACT = Contract.parse(contract_of(Studio).describe())


class Shade(enum.Enum):
    """The plugin's own, by the same values."""

    R = "red"
    B = "blue"


@dataclasses.dataclass
class Extent:
    """The plugin's own, with a field more."""

    height: int = 5
    width: int = 0
    color: Shade = Shade.R
    depth: int = 1


class Annotated:
    """As the contract says it, in classes of its own."""

    limit = 10
    title = "Annotated"

    def thumbnail(self, image: bytes, width: int) -> bytes:
        return image

    async def measure(self, size: Extent, sizes: Optional[list[Extent]] = None) -> Extent:  # noqa: UP045
        return size

    async def frames(self, video: bytes) -> AsyncIterator[bytes]:
        yield video

    def store(self, parts: Iterator[Extent]) -> int:
        return len(list(parts))

    async def convert(self, progress: Callable[[Extent], Awaitable[bool]], *, sharp: bool = False) -> None: ...
    async def anything(self, value: Any) -> int: ...
    async def later(self, x: int) -> int:
        return x + 1


class Bare:
    """Without annotations."""

    limit = 10

    def thumbnail(self, image, width, quality=80):
        return image

    def measure(self, size, sizes=None):
        return size

    def frames(self, video):
        yield video

    def store(self, parts):
        return 0

    def convert(self, progress, sharp=False): ...  # noqa: FBT002
    def anything(self, value): ...


def described(method: Any) -> Any:
    return (method.asynchronous, method.generator)


def test_a_provider_is_taken_with_its_own_classes():
    taken = implement(CONTRACT, Annotated())
    assert list(taken.methods) == list(CONTRACT.methods)
    assert taken.missing == ()
    assert taken.constants() == {"limit": 10, "title": "Annotated"}
    measure = taken.methods["measure"].method
    size = {"width": 1, "height": 2, "color": "blue"}
    assert measure.unpack_arguments([size, [size]]) == [Extent(2, 1, Shade.B), [Extent(2, 1, Shade.B)]]
    assert measure.unpack_arguments([{"width": 1}, None]) == [Extent(width=1), None]
    assert measure.pack_result(Extent(2, 1, Shade.B, depth=7)) == size
    assert taken.methods["store"].method.unpack_item(size) == Extent(2, 1, Shade.B)
    callback = taken.methods["convert"].method.parameters[0].shape
    assert str(callback) == "Callable[[Extent], Awaitable[bool]]"
    assert callback.pack_arguments([Extent(2, 1)]) == [{"width": 1, "height": 2, "color": "red"}]


def test_a_provider_without_annotations_gets_plain_values():
    taken = implement(CONTRACT, Bare())
    assert taken.missing == ("later",)
    assert taken.constants() == {"limit": 10}
    size = {"width": 1, "height": 2, "color": "blue"}
    measure = taken.methods["measure"].method
    assert measure.unpack_arguments([size, None]) == [size, None]
    assert measure.pack_result(size) == measure.pack_result(Extent(2, 1, Shade.B)) == size
    assert measure.pack_result(None) is None
    assert str(taken.methods["convert"].method.parameters[0].shape) == "Callable[[Size], bool]"
    assert taken.methods["store"].method.stream_in == 0


def test_how_a_method_is_called_is_told():
    class Callable_:  # noqa: N801 - an object that is called
        async def __call__(self, value): ...

    provider = Annotated()
    taken = implement(CONTRACT, provider).methods
    assert {name: described(method) for name, method in taken.items()} == {
        "thumbnail": (False, False),
        "measure": (True, False),
        "frames": (True, True),
        "store": (False, False),
        "convert": (True, False),
        "anything": (True, False),
        "later": (True, False),
    }
    assert taken["thumbnail"].call == provider.thumbnail
    assert taken["thumbnail"].call(b"x", 1) == b"x"
    assert described(implement(CONTRACT, Bare()).methods["frames"]) == (False, True)
    bare = Bare()
    bare.anything = Callable_()
    bare.measure = functools.partial(Annotated().measure)
    taken = implement(CONTRACT, bare).methods
    assert described(taken["anything"]) == described(taken["measure"]) == (True, False)


def test_modules_and_any_object_with_callables_provide():
    bare = Bare()
    names = ("thumbnail", "measure", "frames", "store", "convert", "anything", "limit")
    space = {name: getattr(bare, name) for name in names}
    module = types.ModuleType("studio")
    vars(module).update(space)
    for provider in (module, types.SimpleNamespace(**space)):
        assert implement(CONTRACT, provider).missing == ("later",)
    del module.measure
    with pytest.raises(ContractMismatch, match="module studio does not provide studio@1"):
        implement(CONTRACT, module)


def test_stars_take_what_the_contract_gives_so():
    def any_way(*args, **kwargs): ...

    bare = Bare()
    bare.thumbnail = bare.convert = any_way
    assert {"thumbnail", "convert"} <= set(implement(CONTRACT, bare).methods)
    bare.convert = lambda *args: None
    with pytest.raises(ContractMismatch, match="sharp is missing"):
        implement(CONTRACT, bare)


def test_builtins_without_a_signature_are_taken_as_they_are():
    @weft.contract
    class Shown(Protocol):
        def show(self, value: str) -> str: ...

    assert implement(contract_of(Shown), types.SimpleNamespace(show=vars)).methods["show"].call is vars


def test_a_wrapper_is_known():
    @weft.contract
    class Rendered(Protocol):
        @weft.hook("pipeline")
        def render(self, text: str) -> str: ...

    class Provider:
        @weft.hook(wrapper=True)
        def render(self, text):
            yield

    taken = implement(contract_of(Rendered), Provider()).methods["render"]
    assert (taken.wrapper, taken.generator) == (True, True)


def says(signature: str, has: str, why: str) -> str:
    return f"the contract says {signature}, the plugin has {has}: {why}"


@dataclasses.dataclass
class Narrow:
    width: int


@dataclasses.dataclass
class Wide:
    width: int
    height: int
    color: Color
    depth: int


class Partial(TypedDict):
    width: int
    height: int
    color: Literal["red"]


THUMBNAIL, MEASURE = (
    "(image: bytes, width: int) -> bytes",
    "(size: Size, sizes: list[Size] | None = None) -> Size | None",
)
MISMATCHES: list[tuple[str, Any, str]] = [
    ("thumbnail", None, f"thumbnail: the contract says {THUMBNAIL}, the plugin has no such method"),
    ("thumbnail", 5, f"thumbnail: the contract says {THUMBNAIL}, the plugin has int of that name"),
    ("thumbnail", lambda image: 0, says(THUMBNAIL, "(image)", "width is missing")),
    ("thumbnail", lambda image, width, depth: 0, "depth is not in the contract, and has no default"),
    ("thumbnail", lambda width, image: 0, "the order is image, width, not width, image"),
    ("thumbnail", lambda image, depth=1, width=5: 0, "the order is image, width, not image, depth, width"),
    ("thumbnail", lambda image, *, width: 0, "width can be given by name only"),
    ("limit", None, "limit: the contract says limit: int, the plugin has none"),
    ("limit", "ten", "limit: the contract says limit: int, the plugin has another: expected int, found str"),
    ("title", 5, "title: the contract says title: str, the plugin has another: expected str, found int"),
]


def typed(source: str) -> Any:
    space = dict(globals())
    exec(f"{source.replace('def ', 'def it', 1)}: ...", space)
    return space["it"]


MISMATCHES += [
    ("thumbnail", typed(source), reason)
    for source, reason in (
        ("def (image: str, width: int) -> bytes", "image is bytes, not str"),
        ("def (image: bytes, width: int | None) -> bytes | None", "the result is bytes, not bytes | None"),
        ("def (image: Iterator[bytes], width: int) -> bytes", "image is a value, not a stream"),
        ("def (image: bytes, width: int) -> Iterator[bytes]", "the result is one value, not a stream"),
        ("def (image: bytes, width: int) -> object.__class__", "thumbnail, result: type cannot cross"),
    )
]
MISMATCHES += [
    ("measure", typed(source), reason)
    for source, reason in (
        (
            "def (size: Narrow, sizes=None)",
            "size is Size, not Narrow (fields width: int, height: int, color: Color, not width: int)",
        ),
        ("def (size: Wide, sizes=None)", "not width: int, height: int, color: Color, depth: int)"),
        ("def (size: Partial, sizes=None)", "size is Size, not Partial"),
        ("def (size, sizes: list[Size] = [])", "sizes is list[Size] | None, not list[Size]"),
        ("def (size, sizes: list[int] | None = None)", "sizes is list[Size] | None, not list[int] | None"),
        ("def (size, sizes=None) -> int", "the result is Size | None, not int"),
    )
]
MISMATCHES += [
    ("frames", typed("def (video) -> list[bytes]"), "the result is a stream, not one value"),
    ("frames", typed("async def (video) -> AsyncIterator[bytes]"), "write def, without async, or yield in it"),
    ("store", typed("def (parts: list[Size]) -> int"), "parts is a stream, not a value"),
    ("store", typed("def (parts: Iterator[Narrow]) -> int"), "parts is Size, not Narrow"),
    ("convert", typed("def (progress: int, sharp=False) -> None"), "progress is a callback, not a value"),
    (
        "convert",
        typed("def (progress: Callable[[int], bool], sharp=False) -> None"),
        "progress is Callable[[Size], bool], not Callable[[int], bool]",
    ),
    (
        "convert",
        typed("def (progress: Callable[[Size], bool, ], sharp: int = 0) -> None"),
        "sharp is bool, not int",
    ),
    ("anything", typed("def (value: int)"), "value is Any, not int"),
]


@pytest.mark.parametrize(("name", "member", "message"), MISMATCHES, ids=[f"{m[0]}-{m[2]:.60}" for m in MISMATCHES])
def test_what_does_not_match_is_refused_with_both_sides(name, member, message):
    provider = Bare()
    provider.__dict__[name] = member
    if member is None:
        provider = types.SimpleNamespace(
            **{key: getattr(Bare(), key) for key in [*CONTRACT.methods, "limit"] if key not in (name, "later")}
        )
    with pytest.raises(ContractMismatch) as caught:
        implement(CONTRACT, provider)
    first, *problems = str(caught.value).splitlines()
    assert first.endswith(" does not provide studio@1:")
    assert len(problems) == 1
    assert message in problems[0]
    assert problems[0].startswith(f"  {name}")


TAKEN = [
    ("thumbnail", "def (image: bytes | str, width: int | None) -> bytes"),
    ("thumbnail", "def (image: 'bytes', width: Absent) -> 'Absent'"),
    ("thumbnail", "def (image: bytearray, width: object = 5, more: int = 3) -> bytearray"),
    ("measure", "def (size: Size, sizes: list[Size] | int | None = None) -> None"),
    ("measure", "def (size, sizes: tuple[Size, ...] | None = None) -> Size"),
    ("measure", "def (size, sizes)"),
    ("frames", "def (video) -> Iterator[bytes]"),
    ("anything", "def (value) -> list[int]"),
]


@pytest.mark.parametrize(("name", "source"), TAKEN)
def test_what_takes_more_or_gives_less_matches(name, source):
    provider = Bare()
    space = dict(globals())
    exec(f"from __future__ import annotations\n{source.replace('def ', 'def it', 1)}: ...", space)
    provider.__dict__[name] = space["it"]
    assert name in implement(CONTRACT, provider).methods


def test_every_problem_is_told_at_once():
    with pytest.raises(ContractMismatch) as caught:
        implement(CONTRACT, object())
    assert str(caught.value).splitlines()[0] == "builtins.object does not provide studio@1:"
    assert len(str(caught.value).splitlines()) == 8


def test_types_that_contain_themselves_match():
    @dataclasses.dataclass
    class Tree:
        children: list[Tree]

    @dataclasses.dataclass
    class Knot:
        children: list[Knot]

    Tree.__annotations__["children"], Knot.__annotations__["children"] = list[Tree], list[Knot]

    @weft.contract
    class Forest(Protocol):
        def plant(self, tree: Tree) -> Tree: ...

    def plant(tree):
        return tree

    plant.__annotations__ = {"tree": Knot, "return": Knot}
    method = implement(contract_of(Forest), types.SimpleNamespace(plant=plant)).methods["plant"].method
    assert method.unpack_arguments([{"children": [{"children": []}]}]) == [Knot([Knot([])])]


# --- two descriptions -----------------------------------------------------------------------------------------------


def test_descriptions_are_compared():
    declared = contract_of(Studio)
    assert compare(declared, CONTRACT) == compare(CONTRACT, declared) == []
    assert compare(declared, dataclasses.replace(CONTRACT, major=2)) == [
        "the contract is studio@1, the plugin has studio@2: other major versions do not match"
    ]
    assert compare(declared, dataclasses.replace(CONTRACT, name="other")) == [
        "the contract is studio@1, the plugin has other@1"
    ]
    fewer = dataclasses.replace(
        CONTRACT,
        methods={name: method for name, method in CONTRACT.methods.items() if name not in ("later", "thumbnail")},
        constants={"title": dataclasses.replace(CONTRACT.constants["title"], shape=CONTRACT.constants["limit"].shape)},
    )
    assert compare(declared, fewer) == [
        f"thumbnail: the contract says {THUMBNAIL}, the plugin has no such method",
        "limit: the contract says limit: int, the plugin has none",
        "title: the contract says title: str, the plugin has int",
    ]


def test_a_provider_is_described_by_its_own_annotations():
    contract = describe_provider("studio", 1, Annotated())
    assert contract.key == "studio@1"
    assert contract.doc == "As the contract says it, in classes of its own."
    assert {"thumbnail", "measure", "frames", "store", "convert", "anything", "later"} == set(contract.methods)
    assert contract.methods["measure"].signature() == "(size: Extent, sizes: list[Extent] | None = None) -> Extent"
    assert not any(method.optional for method in contract.methods.values())
    assert Contract.parse(contract.describe()).describe() == contract.describe()
    bare = describe_provider("studio", 1, Bare())
    assert bare.methods["thumbnail"].signature() == "(image, width, quality = 80)"
    assert bare.methods["frames"].streams


def test_a_default_that_its_own_annotation_refuses_does_not_spoil_the_description():
    class Loose:
        async def thumbnail(self, width: str = 200) -> str:
            return str(width)

        async def other(self, callback: object = len) -> None: ...

    described = describe_provider("loose", 1, Loose())
    assert "thumbnail" in Contract.parse(described.describe()).methods
