"""Provides ``kit_types``: looks at what it gets, and gives it back."""

# ruff: noqa: FBT001, INP001, UP006, UP007, UP035, UP045 (a plugin, as they are written on Python 3.9)
from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List, Optional, Set, Tuple, TypeVar, Union
from uuid import UUID

T = TypeVar("T")


class Tint(enum.Enum):
    """The contract's enumeration, under a name of its own."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Spot:
    """The contract's dataclass, under a name of its own."""

    x: int
    y: float = 0.5


@dataclass
class Crate:
    """The contract's Struct, as a dataclass."""

    corner: Spot
    colours: List[Tint]


def seen(value: T, *kinds: Any) -> T:
    """``value``, which is exactly of one of these classes."""
    if type(value) not in kinds:
        raise TypeError(f"expected {kinds}, found {type(value)}")
    return value


class Plugin:
    """One instance."""

    async def none(self, value: None) -> None:
        seen(value, type(None))

    async def boolean(self, value: bool) -> bool:
        return seen(value, bool)

    async def integer(self, value: int) -> int:
        return seen(value, int)

    async def real(self, value: float) -> float:
        return seen(value, float)

    async def text(self, value: str) -> str:
        return seen(value, str)

    async def data(self, value: bytes) -> bytes:
        return seen(value, bytes)

    async def numbers(self, value: List[int]) -> List[int]:
        return seen(value, list)

    async def pair(self, value: Tuple[int, str]) -> Tuple[int, str]:
        return seen(value, tuple)

    async def many(self, value: Tuple[int, ...]) -> Tuple[int, ...]:
        return seen(value, tuple)

    async def table(self, value: Dict[str, int]) -> Dict[str, int]:
        return seen(value, dict)

    async def by_number(self, value: Dict[int, str]) -> Dict[int, str]:
        return seen(value, dict)

    async def unique(self, value: Set[int]) -> Set[int]:
        return seen(value, set)

    async def moment(self, value: datetime) -> datetime:
        return seen(value, datetime)

    async def identity(self, value: UUID) -> UUID:
        return seen(value, UUID)

    async def amount(self, value: Decimal) -> Decimal:
        return seen(value, Decimal)

    async def path(self, value: Path) -> Path:
        return seen(value, type(Path()))

    async def colour(self, value: Tint) -> Tint:
        return value

    async def point(self, value: Spot) -> Spot:
        return value

    async def box(self, value: Crate) -> Crate:
        return value

    async def label(self, value: Any) -> Any:
        return seen(value, dict)

    async def perhaps(self, value: Optional[int]) -> Optional[int]:
        return seen(value, int, type(None))

    async def either(self, value: Union[int, str]) -> Union[int, str]:
        return seen(value, int, str)

    async def literal(self, value: Any) -> Any:
        return seen(value, int, str)

    async def nested(self, value: Dict[str, List[Optional[Spot]]]) -> Dict[str, List[Optional[Spot]]]:
        return value
