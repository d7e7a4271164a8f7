"""Annotations that cannot be a shape."""

from __future__ import annotations

import typing
from typing import Any


class Unsupported(Exception):  # noqa: N818 - what happened, as in weft.errors
    """An annotation that cannot cross: what it is, why, and the remedy."""

    def __init__(self, annotation: Any, remedy: str) -> None:
        super().__init__(f"{written(annotation)} cannot cross: {remedy}")

    def within(self, place: str) -> Unsupported:
        """The same, of a part: ``place`` says which."""
        self.args = (f"{place}: {self}",)
        return self


class Unresolved(Unsupported):
    """An annotation with a name that is not defined where it is written."""

    def __init__(self, annotation: Any, reason: BaseException) -> None:
        Exception.__init__(
            self,
            f"{written(annotation)} cannot be resolved ({reason}): "
            "import the name in the module, outside of TYPE_CHECKING, or write the type itself",
        )


def written(annotation: Any) -> str:
    """An annotation as people write it."""
    text = getattr(annotation, "__forward_arg__", annotation)
    if isinstance(text, str):
        return repr(text)
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__qualname__.rpartition("<locals>.")[2]
    return str(annotation).replace("typing.", "").replace("collections.abc.", "")[:200]
