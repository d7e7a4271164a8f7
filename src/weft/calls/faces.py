"""Leads a method's users from what they call to what crosses."""

from __future__ import annotations

from typing import Any, Dict

from weft.calls.deadline import time_left
from weft.calls.proxy import Callee, Target, channel_targets
from weft.contracts.description import Contract, Mismatch
from weft.contracts.face import Face, faces_of
from weft.errors import WrongArgument


def behind(name: str, face: Face, target: Target) -> Target:
    """The target for a face: ``target`` is that of the method which crosses. ``name`` is for errors."""
    around, crossing, translated = face.around, target.call, target.translated

    async def across(*values: Any) -> Any:
        try:
            return await crossing(*values)
        except BaseException as error:
            raise translated(error) from error.__cause__

    async def call(*values: Any) -> Any:
        try:
            return await around(across, time_left(), *values)
        except Mismatch as mismatch:
            raise WrongArgument(f"{name}: {mismatch}") from None

    return Target(call, target.running, lambda error: error)


def faced_targets(contract: Contract, callee: Callee) -> Dict[str, Target]:
    """Targets that call through the callee's channel, for what the users of the contract see."""
    targets, faces = channel_targets(contract, callee), faces_of(contract)
    return {**targets, **{name: behind(f"{contract.name}.{name}", face, targets[name]) for name, face in faces.items()}}
