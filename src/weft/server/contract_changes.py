"""What a plugin's new release no longer provides as the one before did. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weft.contracts.description import Contract
from weft.contracts.implementation import compare
from weft.errors import ContractError

Described = Mapping[str, Mapping[str, Any]]
"""Descriptions by ``name@major``."""


def broken(before: Described, after: Described) -> list[str]:
    """One line for each contract that whoever used the release before cannot use so any more."""
    return [text for key, described in before.items() if (text := _broken(key, described, after))]


def _broken(key: str, described: Mapping[str, Any], after: Described) -> str:
    if key not in after:
        return f"{key} is not provided any more (provided: {', '.join(after) or 'none'})"
    try:
        problems = compare(Contract.parse(described), Contract.parse(after[key]))
    except ContractError as error:
        problems = [str(error)]
    return f"{key} is not what it was: {'; '.join(problems)}" if problems else ""
