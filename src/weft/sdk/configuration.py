"""A plugin's own model of its configuration, in code: a class ``Config`` of its entry."""

from __future__ import annotations

from typing import Any

from weft.errors import StartFailed
from weft.sdk.plugin_context import Context


def configure(context: Context, entry: Any) -> None:
    """Give ``context.config`` the form of the entry's ``Config`` (a pydantic model, of version 1 or 2), if it has one.

    Raises StartFailed with everything that the model says is wrong.
    """
    model = getattr(entry, "Config", None)
    validate = getattr(model, "model_validate", None) or getattr(model, "parse_obj", None)
    if validate is None:
        return
    try:
        context.config = validate(dict(context.config))
    except ValueError as error:
        name = getattr(entry, "__name__", type(entry).__name__)
        raise StartFailed(f"its configuration does not fit {name}.Config: {_told(error)}") from None


def _told(error: ValueError) -> str:
    """Each problem with its place, and without the value, which may be a secret."""
    problems = error.errors() if hasattr(error, "errors") else []
    told = [f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in problems]
    return "; ".join(told) or type(error).__name__
