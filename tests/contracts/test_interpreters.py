"""Contracts on the other interpreters that plugins run on: what is described on one is understood on the next."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import weft
from weft.contracts.description import Contract
from weft.contracts.implementation import compare

SOURCE = Path(weft.__file__).parent.parent
SCENARIO = '''
import dataclasses, datetime, enum, json, sys, uuid
from typing import Any, AsyncIterator, Callable, Dict, Iterator, List, Literal, NamedTuple, Optional, Protocol
from typing import Tuple, TypedDict, Union
import weft
from weft.contracts.declare import contract_of
from weft.contracts.description import Contract, Mismatch
from weft.contracts.implementation import implement
from weft.wire import codec

class Color(enum.Enum):
    RED = "red"

@dataclasses.dataclass
class Tree:
    name: str
    color: Color = Color.RED
    children: "List[Tree]" = dataclasses.field(default_factory=list)

class Options(TypedDict, total=False):
    size: int

class Pair(NamedTuple):
    left: int
    right: str = "r"

@weft.contract
class Shop(Protocol):
    """Sells."""
    limit: int
    async def find(self, tree: Tree, options: Options, when: Optional[datetime.datetime] = None) -> Dict[int, Pair]: ...
    def stock(
        self, items: AsyncIterator[Union[str, bytes, uuid.UUID]], tell: Callable[[float], None]
    ) -> Iterator[Tuple[int, ...]]:
        """Words."""
    async def one(self, kind: Literal["a", 1]) -> Any:
        """Words."""
        raise NotImplementedError("a plugin does this")
    async def nothing(self) -> None:
        pass
    async def made(self) -> AsyncIterator[int]:
        yield 5
    def given(self, x: int) -> int:
        return x

contract = contract_of(Shop)
assert [name for name, method in contract.methods.items() if method.optional] == ["made", "given"], contract
described = contract.describe()
parsed = Contract.parse(codec.decode(codec.encode(described)))
assert parsed.describe() == described

class Provider:
    limit = 3
    async def find(self, tree: "Tree", options: "Options", when: "datetime.datetime | None" = None): ...
    def stock(self, items, tell): ...
    def one(self, kind): ...
    def nothing(self): ...

method = implement(parsed, Provider()).methods["find"].method
values = [Tree("a", children=[Tree("b")]), {"size": 2**70}, datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)]
try:
    codec.encode(method.pack_arguments(values))
except OverflowError:
    from weft.contracts.plain import plainly
arrived = codec.decode(codec.encode(plainly(method.pack_arguments(values))))
assert method.unpack_arguments(arrived) == values, arrived
try:
    method.unpack_arguments([{"name": 5}, {}, None])
except Mismatch as error:
    assert str(error) == "tree.name: expected str, found int", error
def tree(depth):
    value = {"name": "leaf"}
    for _ in range(depth):
        value = {"name": "a", "children": [value]}
    return value
try:
    method.unpack_arguments([tree(20000), {}, None])
except Mismatch as error:
    assert "nested less deeply" in str(error), error
print(json.dumps(described))
'''


def interpreter(version: str) -> str | None:
    """An interpreter of this version that works, on PATH or where pyenv keeps them."""
    found = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    works = (
        str(each)
        for each in found
        if each and subprocess.run([each, "-c", ""], capture_output=True, check=False).returncode == 0
    )
    return next(works, None)


def described_by(python: str) -> Contract:
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{SCENARIO}"
    command = [python, "-I", "-S", "-B", "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return Contract.parse(json.loads(done.stdout))


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.12", "3.13"])
def test_a_plugins_interpreter_describes_and_provides_the_same(version):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    here, there = described_by(sys.executable), described_by(python)
    assert there.methods["find"].signature() == (
        "(tree: Tree, options: Options, when: datetime | None = None) -> dict[int, Pair]"
    )
    assert compare(here, there) == []
    assert there.describe() == here.describe()
