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
        raise StartFailed(f"its configuration does not fit {entry.__name__}.Config: {error}") from error
