"""A program of its own: checks a value against a JSON Schema and prints what does not fit. See configuration.py.

It reads ``[schema, value]`` and answers ``{"invalid": reason}`` or ``{"problems": [text, …]}``; no value is shown.
"""

from __future__ import annotations

import json
import resource
import sys
from itertools import islice
from typing import Any

import jsonschema_rs

SHOWN = 20
"""Problems that are told."""
MEMORY = 1024 * 1024 * 1024
"""Bytes of address space."""


def examine(schema: Any, value: Any) -> dict[str, Any]:
    """The answer."""
    try:
        validator = jsonschema_rs.validator_for(schema, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions())
        found = [_describe(error) for error in islice(validator.iter_errors(value), SHOWN + 1)]
    except (jsonschema_rs.ValidationError, ValueError) as error:
        return {"invalid": str(error).partition("\n")[0]}
    return {"problems": [*found[:SHOWN], *(["  … and more"] if len(found) > SHOWN else [])]}


def _refuse(uri: str) -> Any:
    raise ValueError(f"it refers to {uri[:200]}, and schemas are not fetched")


def _describe(error: jsonschema_rs.ValidationError) -> str:
    """Where and what rule; the value may be a secret."""
    place = ".".join(map(str, error.instance_path)) or "config"
    missing = getattr(error.kind, "property", None)
    rule = "/".join(map(str, error.schema_path))
    return f"  {place}: {missing!r} is required" if missing else f"  {place}: does not satisfy {rule}"


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    json.dump(examine(*json.load(sys.stdin)), sys.stdout)
