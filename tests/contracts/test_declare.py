"""Declaring a contract: what is read of a class, and what is refused, all of it at once."""

from __future__ import annotations
import __future__

import dataclasses
import enum
import gc
import re
import subprocess
import sys
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from typing import Any, ClassVar, Generic, Literal, Optional, Protocol, TypedDict, TypeVar, runtime_checkable

import pydantic
import pytest

import weft
from weft.contracts.declare import contract_of, declared
from weft.contracts.description import HookOptions
from weft.errors import ContractError, UsageError

T = TypeVar("T")


class NotFound(Exception):  # noqa: N818 - as people name theirs
    pass


class Broken(Exception):  # noqa: N818 - as NotFound
    pass


@dataclasses.dataclass
class Size:
    width: int
    height: int = 0


SMALL = Size(1)


@weft.contract
class HTTPThumbnailer(Protocol):
    """Makes small pictures of large ones."""

    limit: int
    unit: ClassVar[str] = "px"

    @property
    def title(self) -> str:
        """What people call it."""
        ...

    @property
    def version(self) -> str:
        return "0"

    async def thumbnail(self, image: bytes, width: int = 200, *, sharp: bool = False) -> bytes:
        """One picture."""
        ...

    def blocking(self, size: Size = SMALL) -> Size: ...
    def frames(self, video: bytes) -> AsyncIterator[bytes]: ...
    def lines(self) -> Iterator[str]: ...
    def any_of_them(self) -> Iterable[str]: ...
    def made(self) -> AsyncGenerator[str, None]: ...
    def made_too(self) -> Generator[str, None, None]: ...
    async def store(self, key: str, parts: AsyncIterator[bytes]) -> int: ...
    async def store_too(self, parts: Iterator[Size]) -> int: ...
    async def convert(self, image: bytes, progress: Callable[[float], None]) -> bytes: ...
    async def ask(self, question: Callable[[str], Awaitable[bool]] | None = None) -> None: ...

    @weft.hook("first", on_error="continue", deadline=2.5)
    @weft.raises(NotFound, Broken)
    async def find(self, name: str) -> str | None: ...

    @weft.raises(NotFound)
    @weft.raises(Broken)
    @weft.hook
    async def all_of(self, name: str) -> str: ...

    def _private(self, anything) -> None: ...


def read(name: str) -> Any:
    return contract_of(HTTPThumbnailer).methods[name]


def test_a_class_is_read():
    contract = contract_of(HTTPThumbnailer)
    assert (contract.name, contract.major, contract.key) == ("http_thumbnailer", 1, "http_thumbnailer@1")
    assert contract.doc == "Makes small pictures of large ones."
    assert list(contract.methods) == (
        "thumbnail blocking frames lines any_of_them made made_too store store_too convert ask find all_of".split()
    )
    assert read("thumbnail").doc == "One picture."


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("thumbnail", "(image: bytes, width: int = 200, *, sharp: bool = False) -> bytes"),
        ("blocking", "(size: Size = a Size) -> Size"),
        ("frames", "(video: bytes) -> AsyncIterator[bytes]"),
        ("lines", "() -> AsyncIterator[str]"),
        ("any_of_them", "() -> AsyncIterator[str]"),
        ("made", "() -> AsyncIterator[str]"),
        ("made_too", "() -> AsyncIterator[str]"),
        ("store", "(key: str, parts: AsyncIterator[bytes]) -> int"),
        ("store_too", "(parts: AsyncIterator[Size]) -> int"),
        ("convert", "(image: bytes, progress: Callable[[float], None]) -> bytes"),
        ("ask", "(question: Callable[[str], Awaitable[bool]] | None = None) -> None"),
        ("find", "(name: str) -> str | None"),
    ],
)
def test_signatures_are_read(name, signature):
    assert read(name).signature() == signature


def test_what_a_method_is():
    assert [name for name in contract_of(HTTPThumbnailer).methods if read(name).streams] == (
        "frames lines any_of_them made made_too".split()
    )
    asynchronous = [name for name in contract_of(HTTPThumbnailer).methods if not read(name).asynchronous]
    assert asynchronous == ["blocking", "lines", "any_of_them", "made_too"]
    assert (read("store").stream_in, read("store_too").stream_in, read("thumbnail").stream_in) == (1, 0, None)
    assert (read("convert").callbacks, read("ask").callbacks) == ((1,), (0,))
    callbacks = read("ask").parameters[0].shape, read("convert").parameters[1].shape
    assert [callback.awaited for callback in callbacks] == [True, False]
    assert [p.keyword_only for p in read("thumbnail").parameters] == [False, False, True]
    assert [p.required for p in read("thumbnail").parameters] == [True, False, False]
    assert read("thumbnail").parameters[1].default == 200
    assert read("blocking").parameters[0].default == Size(1)


def test_hooks_and_exceptions_stack_in_any_order():
    assert read("find").hook == HookOptions("first", "continue", 2.5)
    assert read("all_of").hook == HookOptions("collect", "fail", None)
    assert read("thumbnail").hook is None
    assert read("find").raises == read("all_of").raises == (NotFound, Broken)
    assert read("find").raises_names == ("NotFound", "Broken")


def test_none_passes_where_the_next_provider_is_asked():
    @weft.contract
    class Render(Protocol):
        @weft.hook("pipeline")
        async def render(self, text: str) -> str: ...
        @weft.hook("first")
        async def find(self, name: str) -> int: ...
        @weft.hook("collect")
        async def list_all(self) -> int: ...

    results = {name: str(method.result) for name, method in contract_of(Render).methods.items()}
    assert results == {"render": "str | None", "find": "int | None", "list_all": "int"}


def test_constants_are_properties_and_annotated_attributes():
    constants = contract_of(HTTPThumbnailer).constants
    assert {name: (str(c.shape), c.optional) for name, c in constants.items()} == {
        "limit": ("int", False),
        "unit": ("str", True),
        "title": ("str", False),
        "version": ("str", True),
    }
    assert constants["title"].doc == "What people call it."


def test_name_and_version_may_be_given_and_classes_inherit():
    @dataclasses.dataclass
    class Local:
        x: int

    @weft.contract(name="small-pictures", version=3)
    class Child(HTTPThumbnailer, Protocol):
        async def thumbnail(self, image: bytes) -> bytes: ...
        async def more(self) -> Local: ...

    contract = contract_of(Child)
    assert contract.key == "small-pictures@3"
    assert contract.methods["thumbnail"].signature() == "(image: bytes) -> bytes"
    assert {"frames", "more"} <= set(contract.methods)
    assert "title" in contract.constants
    assert contract_of(HTTPThumbnailer).key == "http_thumbnailer@1"


def declare_twice():
    @weft.contract(name="twice")
    class First(Protocol):
        async def one(self) -> None: ...

    @weft.contract(name="twice")
    class Second(Protocol):
        async def two(self) -> None: ...

    @weft.contract(name="twice", version=2)
    class Third(First, Protocol): ...

    return First, Second, Third


def test_the_latest_of_each_key_is_declared():
    classes = declare_twice()
    assert {c.key: list(c.methods) for c in declared("twice")} == {"twice@1": ["two"], "twice@2": ["one"]}
    assert contract_of(HTTPThumbnailer) in declared()
    del classes
    gc.collect()
    assert declared("twice") == []


def test_what_is_no_contract_is_said_so():
    class Plain(Protocol): ...

    class Provider(HTTPThumbnailer): ...

    for wrong, name in ((Plain, "Plain"), (Provider, "Provider"), (5, "5")):
        with pytest.raises(UsageError, match=f"{name} is no contract: declare it with @weft.contract"):
            contract_of(wrong)


def test_a_contract_stays_what_isinstance_asks_for():
    @weft.contract
    @runtime_checkable
    class Named(Protocol):
        def name(self) -> str: ...

    class Provider:
        def name(self) -> str:
            return "n"

    assert isinstance(Provider(), Named)
    assert not isinstance(5, Named)


# --- bodies ---------------------------------------------------------------------------------------------------------


@weft.contract
class Bodies(Protocol):
    async def dots(self) -> int: ...
    async def passes(self) -> None:
        pass

    def documented(self, x: int) -> int:
        """Only words."""

    def both(self) -> int:
        """Words."""
        ...

    def raising(self) -> int:
        raise NotImplementedError

    async def raising_text(self, x: int = 5) -> int:
        """Words."""
        raise NotImplementedError("a plugin does this")

    def returns_none(self) -> None:
        return None

    async def value(self) -> int:
        return 5

    def computed(self, x: int) -> int:
        return x

    def calls(self) -> None:
        print()

    def raises(self) -> int:
        raise ValueError

    async def stream(self) -> AsyncIterator[int]:
        yield 5

    def generator(self) -> Iterator[int]:
        yield from ()


def test_a_body_makes_a_method_optional():
    optional = [name for name, method in contract_of(Bodies).methods.items() if method.optional]
    assert optional == ["value", "computed", "calls", "raises", "stream", "generator"]


# --- refusals -------------------------------------------------------------------------------------------------------


class Plain:
    pass


class Shade(enum.Enum):
    DARK = 1


class Nothing(enum.Enum):
    pass


class Aliased(pydantic.BaseModel):
    size: int = pydantic.Field(validation_alias=pydantic.AliasChoices("a", "b"))


class Loop(TypedDict):
    within: dict[str, Plain]


@dataclasses.dataclass
class WithInit:
    x: int
    seed: dataclasses.InitVar[int]


class Box(Generic[T]):
    pass


def no_self() -> None: ...


Json = Optional["list[Json]"]

REFUSED: list[tuple[str, str, str]] = [
    ("def m(self, a) -> int: ...", "method m, parameter a", "it has no annotation; write its type"),
    ("def m(self, a: int): ...", "method m, result", "it has no annotation; write what comes back, -> None where"),
    ("def m(self, *a: int) -> int: ...", "method m, parameter *a", "a contract names every parameter; write them out"),
    ("def m(self, **a: int) -> int: ...", "method m, parameter **a", "a contract names every parameter"),
    (
        "def m(self, a: int, /) -> int: ...",
        "method m, parameter a",
        "it can be given by position only; leave out the /",
    ),
    ("def m(self, a: T) -> int: ...", "method m, parameter a", "~T cannot cross: a contract has no type variables"),
    (
        "def m(self, a: Plain) -> int: ...",
        "method m, parameter a",
        "Plain cannot cross: use a dataclass, msgspec Struct",
    ),
    ("def m(self) -> list[Plain]: ...", "method m, result", "Plain cannot cross: use a dataclass"),
    (
        "def m(self, a: Loop) -> int: ...",
        "method m, parameter a",
        "field within of Loop: Plain cannot cross: use a dataclass",
    ),
    ("def m(self, a: WithInit) -> int: ...", "method m, parameter a", "WithInit cannot cross: its InitVar seed"),
    ("def m(self, a: Box[int]) -> int: ...", "method m, parameter a", "cannot cross: "),
    ("def m(self, a: complex) -> int: ...", "method m, parameter a", "complex cannot cross: use a tuple of two floats"),
    ("def m(self, a: Missing) -> int: ...", "method m, parameter a", "'Missing' cannot be resolved (name 'Missing' is"),
    ("def m(self, a: Json) -> int: ...", "method m, parameter a", "use a dataclass, or Any"),
    (
        "def m(self, a: Iterable[int]) -> int: ...",
        "method m, parameter a",
        "write list[…] for values that are there, or",
    ),
    (
        "def m(self, a: list[Iterator[int]]) -> int: ...",
        "method m, parameter a",
        "a stream is a whole argument or result, never part of one",
    ),
    (
        "def m(self, a: AsyncIterator[int], b: Iterator[int]) -> int: ...",
        "method m, parameter b",
        "a second stream; make it a list",
    ),
    ("async def m(self) -> AsyncIterator[int]: ...", "method m, result", "write def, without async, or yield in it"),
    ("def m(self) -> Awaitable[int]: ...", "method m, result", "declare the method async def, with the result's type"),
    ("def m(self, a: Callable[..., int]) -> int: ...", "method m, parameter a", "name its arguments and result"),
    ("def m(self, a: Callable) -> int: ...", "method m, parameter a", "name its arguments and result"),
    ("def m(self) -> Callable[[int], int]: ...", "method m, result", "a callback is a whole argument of a method"),
    ("def m(self, a: list[Callable[[], None]]) -> int: ...", "method m, parameter a", "a callback is a whole argument"),
    ("def m(self, a: Literal[Shade.DARK]) -> int: ...", "method m, parameter a", "cannot cross: use the enum itself"),
    ("def m(self, a: Nothing) -> int: ...", "method m, parameter a", "Nothing cannot cross: it has no members"),
    ("def m(self, a: Aliased) -> int: ...", "method m, parameter a", "its field size has an alias of several names"),
    (
        "def m(self, a: set[list[int]]) -> int: ...",
        "method m, parameter a",
        "list[int] cannot be in a set; use list[list",
    ),
    ("def m(self, a: dict[Size, int]) -> int: ...", "method m, parameter a", "Size cannot be the key of a dict"),
    (
        "def m(self, a: int = 'x') -> int: ...",
        "method m, parameter a",
        "its default does not cross: expected int, found",
    ),
    (
        "def m(self, a: Callable[[], None] = print) -> int: ...",
        "method m, parameter a",
        "a callback can have no default but None",
    ),
    ("def m() -> None: ...", "method m", "it takes no self; write it as the first parameter"),
    ("@staticmethod\n    def m() -> None: ...", "member m", "a contract has no static methods; give it a self"),
    ("@classmethod\n    def m(cls) -> None: ...", "member m", "a contract has no class methods; give it a self"),
    ("m = 5", "member m", "it is neither a method nor an annotated attribute"),
    ("m: Plain", "constant m", "Plain cannot cross: use a dataclass"),
    ("@property\n    def m(self): ...", "constant m", "it has no annotation; write"),
    (
        "@weft.hook(wrapper=True)\n    def m(self) -> int: ...",
        "method m",
        "wrapper=True is for a plugin's implementation",
    ),
    ("@weft.hook\n    def m(self) -> Iterator[int]: ...", "method m", "a hook has no streams; leave out @weft.hook"),
    ("@weft.hook('pipeline')\n    def m(self) -> int: ...", "method m", "a pipeline needs a first parameter"),
    ("_private: int", "", "it has no methods: write one at least"),
]


def declare(body: str, base: str = "Protocol", options: str = "") -> Any:
    source = f"@weft.contract{options}\nclass Shop({base}):\n    {body}\n"
    space = {**globals(), "Literal": Literal}
    exec(compile(source, "shop.py", "exec", dont_inherit=True, flags=__future__.annotations.compiler_flag), space)
    return contract_of(space["Shop"])


@pytest.mark.parametrize(("body", "where", "message"), REFUSED, ids=lambda value: value[:50])
def test_what_cannot_cross_is_refused_by_name(body, where, message):
    with pytest.raises(ContractError) as caught:
        declare(body)
    text = str(caught.value)
    assert text.startswith("contract shop (Shop) cannot be declared:\n  ")
    assert text.splitlines()[1].strip().startswith(where)
    assert message in text
    assert len(text.splitlines()) == 2


@pytest.mark.parametrize(
    ("base", "options", "message"),
    [
        ("object", "", "it is no Protocol: write class NAME(typing.Protocol)"),
        ("Protocol", "(name='a b')", "its name 'a b' is none: use letters, digits, '_', '-' and '.'"),
        ("Protocol", "(version=0)", "its version must be a whole number from 1 on, found 0"),
        ("Protocol", "(version=True)", "its version must be a whole number from 1 on, found True"),
    ],
)
def test_a_class_that_is_no_contract_is_refused(base, options, message):
    with pytest.raises(ContractError) as caught:
        declare("def m(self) -> None: ...", base, options)
    assert message in str(caught.value)


def test_every_problem_is_told_at_once():
    with pytest.raises(ContractError) as caught:
        declare("def m(self, a, b: Plain) -> T: ...\n    n = 5")
    assert str(caught.value).count("\n") == 4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: weft.hook("frist"), "hook: there is no mode 'frist': use one of collect, first, pipeline, notify"),
        (lambda: weft.hook(on_error="ignore"), "hook: on_error cannot be 'ignore': use one of fail, continue"),
        (lambda: weft.hook(deadline=0), "hook: deadline must be a number of seconds above 0, found 0"),
        (weft.raises, "raises: expected classes of exceptions, found nothing"),
        (lambda: weft.raises(NotFound()), "raises: expected classes of exceptions, found NotFound()"),
        (lambda: weft.raises(KeyboardInterrupt), "raises: expected classes of exceptions, found <class 'Keyboard"),
    ],
)
def test_decorators_refuse_what_makes_no_sense(wrong, message):
    with pytest.raises(ContractError) as caught:
        wrong()
    assert message in str(caught.value)


def test_a_contract_is_read_without_its_source():
    """As from bytecode alone."""
    code = "import weft\nfrom typing import Protocol\n@weft.contract\nclass C(Protocol):\n"
    code += "    def f(self) -> int: return 5\n"
    space: dict[str, Any] = {}
    exec(code, space)
    assert contract_of(space["C"]).methods["f"].optional


USER = """
from typing import Protocol
import weft

@weft.contract
class Thumbnailer(Protocol):
    async def thumbnail(self, image: bytes) -> bytes: ...
    @weft.hook("first")
    @weft.raises(KeyError)
    async def find(self, name: str) -> str: ...
    @weft.hook
    async def find_all(self, name: str) -> str: ...

@weft.contract(name="other", version=2)
class Other(Protocol):
    def run(self) -> int: ...

class Fast:
    async def thumbnail(self, image: bytes) -> bytes: return image
    async def find(self, name: str) -> str: return name
    async def find_all(self, name: str) -> str: return name

def use(it: Thumbnailer, other: Other) -> None:
    a = reveal_type(it.thumbnail(b""))
    b = reveal_type(it.find("a"))
    c = reveal_type(it.find_all("a"))
    reveal_type(other.run())

use(Fast(), 5)
"""


def test_a_type_checker_sees_the_class_unchanged(tmp_path):
    (tmp_path / "user.py").write_text(USER)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "user.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    revealed = re.findall(r'Revealed type is "(.*)"', done.stdout)
    asynchronous = [f"typing.Coroutine[Any, Any, {name}]" for name in ("bytes", "str", "str")]
    assert revealed == [*asynchronous, "int"], done.stdout + done.stderr
    assert re.findall("error: (.*)", done.stdout) == [
        'Argument 2 to "use" has incompatible type "int"; expected "Other"  [arg-type]'
    ]
