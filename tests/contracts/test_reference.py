"""The page on contracts says what is: each row of its table, and its example, are run."""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Optional, Protocol, Union
from uuid import UUID

import pytest

import weft
from weft.contracts.declare import contract_of
from weft.contracts.scalars import SCALARS
from weft.contracts.shape import Definitions

PAGE = (Path(__file__).parents[2] / "docs/reference/contracts.md").read_text()
ROWS = [re.findall(r"`([^`]+)`", line) for line in PAGE.splitlines() if line.startswith("| `")]


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Access(enum.Flag):
    READ = 1


@dataclasses.dataclass
class Size:
    width: int
    height: int = 2


class NotFound(Exception):  # noqa: N818 - as the page has it
    pass


NAMES: dict[str, Any] = {
    each.__name__: each
    for each in (date, datetime, time, timedelta, timezone, Decimal, Path, UUID, Color, Access, Size, NotFound)
}
NAMES |= {"Any": Any, "Literal": Literal, "Optional": Optional, "Union": Union, "Protocol": Protocol, "weft": weft}
NAMES |= {"AsyncIterator": AsyncIterator, "Callable": Callable}


@pytest.mark.parametrize(("annotation", "value", "plain", "schema"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_of_the_table_is_true(shape_of, annotation, value, plain, schema):
    given = eval(value, dict(NAMES))
    shape = shape_of(eval(annotation, dict(NAMES)))
    packed = shape.packed(given)
    assert packed == eval(plain, dict(NAMES))
    assert shape.unpack(bytes(packed) if isinstance(packed, bytearray) else packed) == given
    assert shape.schema(Definitions()) == json.loads(schema)


def test_every_type_of_the_standard_library_has_a_row():
    rows = {row[0] for row in ROWS}
    assert {cls.__name__ for cls in SCALARS if cls is not None} - {"NoneType", "PurePath"} <= rows


def test_the_example_is_described_as_the_page_says():
    code, described = (re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)[1] for kind in ("python", "json"))
    space = dict(NAMES)
    exec(code, space)
    assert contract_of(space["Thumbnailer"]).describe() == json.loads(described)
