"""What ``weft new --contract`` writes: whatever the contract says, the plugin provides it, and its own test passes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from weft.cli.declared import host_contract
from weft.contracts.declare import contract_of
from weft.contracts.implementation import implement
from weft.manifest import check
from weft.packages.contract_source import ContractSource, camel_case, doc_lines
from weft.packages.scaffold import scaffold

HOST = '''
import datetime
import decimal
import enum
import uuid
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, AsyncIterator, Callable, Literal, Optional, Protocol, Required, TypedDict

import weft


class Colour(enum.Enum):
    RED = "red"
    class_ = "class"
    FAR = 2**80


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class NotFound(Exception):
    pass


@dataclass
class Item:
    name: str
    tags: list[str] = field(default_factory=list)
    price: decimal.Decimal = decimal.Decimal("1.5")
    colour: Colour = Colour.RED
    next: Optional["Item"] = None
    late: datetime.timedelta = datetime.timedelta(-1, 5, 7)
    at: datetime.datetime = field(default_factory=datetime.datetime.now)


@dataclass
class Path_(object):
    """Its name is Python's own, with an underscore."""

    path: Path = Path("a'b")


class Odd(TypedDict, total=False):
    name: Required[str]
    size: int


Dashed = TypedDict("Dashed", {"content-type": str})


@weft.contract(name="thumb-nailer", version=2)
class Thumbnailer(Protocol):
    """Makes small "pictures"
    of large \\\\ ones, and says \\"""so\\"""\\"."""

    limit: int

    @property
    def kinds(self) -> list[str]:
        """What it takes."""

    async def thumbnail(self, image: bytes, width: int = 200, *, colour: Colour = Colour.FAR) -> bytes:
        """A small one."""

    def frames(self, video: bytes) -> AsyncIterator[Item]: ...

    async def total(self, numbers: AsyncIterator[int], at: datetime.datetime = datetime.datetime(2020, 1, 1)) -> float:
        ...

    async def convert(
        self,
        image: bytes,
        progress: Callable[[float], None],
        ask: Optional[Callable[[str], Awaitable[bool]]] = None,
    ) -> bytes: ...

    @weft.raises(NotFound)
    async def find(
        self, item: Item, right: Right, ids: set[uuid.UUID], m: dict[int, tuple[int, str]], p: Path = Path("/a")
    ) -> Item | None: ...

    async def either(
        self,
        a: int | datetime.date | str,
        b: Literal["x", 3, b"y"],
        c: Any,
        d: dict[tuple[int, int], str] = {(1, 2): "x"},
        e: int | datetime.date | str = "e",
        f: bytes | None = b"'",
    ) -> dict[str, Item]: ...

    async def odd(self, odd: Odd, dashed: Dashed, path: Path_) -> Colour: ...

    @weft.hook("pipeline", on_error="continue", deadline=2)
    async def render(self, text: str) -> str | None: ...

    async def later(
        self,
        a: int = 2**70,
        b: float = float("inf"),
        c: Right = Right.READ,
        d: decimal.Decimal | None = decimal.Decimal(3),
        e: tuple[int, ...] = (1,),
        f: Item = Item("x"),
        g: set[str] = {"x"},
        h: frozenset[int] = frozenset(),
        i: tuple[()] = (),
        j: datetime.time = datetime.time(1, 2),
    ) -> int:
        return 5
'''
PLAIN = """
from collections.abc import Iterator
from typing import Protocol
import weft

@weft.contract
class Shelf(Protocol):
    def put(self, book: str) -> int: ...
    def each(self, books: Iterator[str]) -> Iterator[str]: ...
"""

NESTED = """
import enum
from dataclasses import dataclass, field
from typing import Optional, Protocol
import weft

@dataclass
class Album:
    cover: "Picture" = field(default_factory=lambda: Picture())
    within: Optional["Album"] = None

class Format(enum.Enum):
    PNG = "png"

@dataclass(frozen=True)
class Picture:
    format: Format = Format.PNG
    others: list[Format] = field(default_factory=list)

@weft.contract
class Albums(Protocol):
    async def find(self, title: str) -> Album: ...
    async def show(self, format: Format) -> None: ...
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """``host(text, cls)``: the contract of a host's module in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    tmp_path.joinpath("host_module.py").touch()

    def declare(text: str, cls: str) -> Any:
        (tmp_path / "host_module.py").write_text(text)
        return host_contract(f"host_module:{cls}")

    return declare


def outcome(folder: Path) -> str:
    """What the plugin's own test printed, run as its README says."""
    command = [sys.executable, "-m", "unittest", "discover", "-s", folder.name]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "skipped" not in done.stderr
    return done.stderr


def test_every_kind_of_method_and_type(host, tmp_path):
    declared = host(HOST, "Thumbnailer")
    scaffold("fast-thumbs", declared, tmp_path)
    report = check(tmp_path / "fast-thumbs")
    assert report.ok, (report.problems, report.warnings)
    assert [str(each) for each in report.manifest.provides] == ["thumb-nailer@2"]
    assert f"Ran {len(declared.described['methods'])} tests" in outcome(tmp_path / "fast-thumbs")


def test_a_contract_without_async(host, tmp_path):
    scaffold("shelf", host(PLAIN, "Shelf"), tmp_path)
    assert "Ran 2 tests" in outcome(tmp_path / "shelf")
    text = (tmp_path / "shelf" / "shelf.py").read_text()
    assert "class ShelfPlugin:" in text  # Shelf is the contract's
    assert "    def put(self, book: str) -> int:\n" in text


def test_classes_come_after_those_of_their_defaults(host, tmp_path):
    scaffold("mine", host(NESTED, "Albums"), tmp_path)
    assert "Ran 2 tests" in outcome(tmp_path / "mine")
    text = (tmp_path / "mine" / "mine.py").read_text()
    assert text.index("class Format(") < text.index("class Picture:") < text.index("class Album:")


def test_what_is_shown_declares_the_same_contract(host, tmp_path):
    """All but the methods' own bodies."""
    declared = host(HOST, "Thumbnailer")
    source = ContractSource(declared.described)
    shown = source.protocol()
    imports = "\n".join(["from __future__ import annotations", *source.types.import_lines(), "import weft"])
    (tmp_path / "shown.py").write_text(f"{imports}\n{shown}")
    spec = importlib.util.spec_from_file_location("shown", tmp_path / "shown.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["shown"] = module
    spec.loader.exec_module(module)
    again = contract_of(getattr(module, source.title))
    assert again.key == "thumb-nailer@2"
    assert again.doc == declared.described["description"]
    for name, method in declared.described["methods"].items():
        assert again.describe()["methods"][name].keys() == method.keys() - {"optional"}, name

    class Provider:
        limit = 1
        kinds: list[str] = []  # noqa: RUF012

    for name in again.methods:
        setattr(Provider, name, staticmethod(lambda *_, **__: None))
    implement(again, Provider())


@pytest.mark.parametrize(
    ("name", "cls"), [("fast-thumbs", "FastThumbs"), ("7days", "Plugin7days"), ("a.b_c", "ABC"), ("x", "X")]
)
def test_names_of_classes(name, cls):
    assert camel_case(name) == cls


@pytest.mark.parametrize("text", ['say "so"', 'ends in "', "a \\ b", 'three """ quotes', "two\nlines", "\\"])
def test_a_docstring_is_what_it_was(text):
    space: dict[str, Any] = {}
    exec("\n".join(["class A:", *doc_lines(text), "    pass"]), space)
    assert space["A"].__doc__.strip().replace("\n    ", "\n") == text
    assert doc_lines("") == []
