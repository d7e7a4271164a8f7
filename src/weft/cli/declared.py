"""A contract that the user's own code declares, named as ``MODULE:CLASS``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from weft.contracts.declare import contract_of
from weft.contracts.description import Contract
from weft.contracts.records import Field
from weft.contracts.shape import Shape
from weft.errors import UsageError
from weft.packages.contract_plugin import HostContract


def host_contract(target: str) -> HostContract:
    """Import the class, from the current folder or wherever Python finds it, and read its contract.

    Raises UsageError; what the module itself raises is the cause of one.
    """
    module, _, name = target.partition(":")
    contract = contract_of(_imported(target, module, name))
    described = contract.describe()
    plain = {each.name for each in contract.methods.values() if not each.asynchronous}
    return HostContract(described, module, name, plain, _homes(contract, described["$defs"]))


def _imported(target: str, module: str, name: str) -> Any:
    if not module or not name:
        raise UsageError(f"{target!r} names no class: expected MODULE:CLASS, such as shop.contracts:Thumbnailer")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.import_module(module)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        remedy = "name it as from the current folder, or set PYTHONPATH" if isinstance(error, ImportError) else ""
        raise UsageError(f"{module} cannot be imported: {reason}" + (f" ({remedy})" if remedy else "")) from error
    try:
        for part in name.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise UsageError(f"{target}: {error}") from error
    return found


def _homes(contract: Contract, definitions: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Where the host's own records and enums can be imported from; not those whose names two of them share."""
    shapes = [
        shape for each in contract.methods.values() for shape in (each.result, *(p.shape for p in each.parameters))
    ]
    classes = {cls for shape in shapes for cls in _classes(shape, set())}
    return {
        cls.__name__: (cls.__module__, cls.__name__)
        for cls in classes
        if cls.__name__ in definitions
        and cls.__qualname__ == cls.__name__
        and sum(each.__name__ == cls.__name__ for each in classes) == 1
    }


def _classes(part: Any, seen: set[int]) -> Iterator[Any]:
    """The classes of a shape, and of the shapes that it is made of."""
    if id(part) in seen:
        return
    seen.add(id(part))
    if isinstance(part, Shape) and hasattr(part, "title") and hasattr(part, "cls") and part.cls is not None:
        yield part.cls
    parts = part if isinstance(part, (list, tuple)) else vars(part).values() if isinstance(part, (Shape, Field)) else ()
    for each in parts:
        yield from _classes(each, seen)
