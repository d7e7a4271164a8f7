"""Functions with the exact signature of a hook, made from source: only checked names get into it, values never do."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from weft.errors import UsageError
from weft.hooks.hook import Hook

RESERVED = "__"
"""Names of the generated code begin so; no parameter may."""


def define(hook: Hook, body: list[str], names: Mapping[str, Any], *, asynchronous: bool) -> Callable[..., Any]:
    """A function named and called as ``hook`` is, with the lines of ``body``, whose globals are ``names``.

    Raises UsageError for a name of the hook that cannot stand in source.
    """
    for name in (hook.name, *(parameter.name for parameter in hook.parameters)):
        _check(hook, name)
    defaults = {f"__default{at}": each.default for at, each in enumerate(hook.parameters) if not each.required}
    namespace = {**names, **defaults}
    head = f"{'async ' if asynchronous else ''}def {hook.name}({_parameters(hook)}):"
    source = "\n    ".join([head, *body])
    exec(compile(source, f"<hook {hook}>", "exec"), namespace)  # noqa: S102 names are checked above
    function: Callable[..., Any] = namespace.pop(hook.name)
    function.__module__ = __name__
    function.__qualname__ = str(hook)
    function.__doc__ = hook.doc or None
    return function


def arguments(hook: Hook) -> str:
    """The hook's parameters as the arguments of a call: those before ``*`` by position, the others by name."""
    return ", ".join(f"{each.name}={each.name}" if each.keyword_only else each.name for each in hook.parameters)


def _parameters(hook: Hook) -> str:
    texts = [each.name + ("" if each.required else f"=__default{at}") for at, each in enumerate(hook.parameters)]
    named = [at for at, each in enumerate(hook.parameters) if each.keyword_only]
    if named:
        texts.insert(named[0], "*")
    return ", ".join(texts)


def _check(hook: Hook, name: str) -> None:
    plain = name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name
    if not plain or name.startswith(RESERVED):
        raise UsageError(
            f"hook {hook}: {name!r} cannot be a name here: rename it, as an identifier that is no keyword "
            f"and does not begin with {RESERVED!r}"
        )
