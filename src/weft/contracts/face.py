"""Methods that their users call in another way than they cross."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Awaitable, Callable, Dict, Mapping, NamedTuple

from weft.contracts.description import Contract, Method


class Face(NamedTuple):
    """What users of one method see of it.

    ``method`` has their signature. ``await around(call, seconds, *values)`` is what a call does: ``values`` are as
    that says, ``call`` is the method that crosses, ``seconds`` are left until the deadline, or None.
    """

    method: Method
    around: Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Faced(Contract):
    """A contract of which some methods have faces, by their names; all else of it is what crosses."""

    faces: Dict[str, Face] = field(default_factory=dict, compare=False)


def faces_of(contract: Contract) -> Mapping[str, Face]:
    """The faces of a contract, by method; most have none."""
    return contract.faces if isinstance(contract, Faced) else {}


def shown(contract: Contract) -> Contract:
    """The contract with the signatures that its users see."""
    faces = faces_of(contract)
    if not faces:
        return contract
    return replace(contract, methods={**contract.methods, **{name: face.method for name, face in faces.items()}})
