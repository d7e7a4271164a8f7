"""From a function's signature to a described method, of a contract's class and of a provider alike."""

from __future__ import annotations

import inspect
import typing
from collections import abc
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from weft.contracts.annotations import STREAMS, Annotations, callback
from weft.contracts.bodies import has_body
from weft.contracts.description import Method, Parameter
from weft.contracts.mismatch import Mismatch
from weft.contracts.shape import ANY, UNSAID, Shape
from weft.contracts.unsupported import Unresolved, Unsupported

Problem = Callable[[str, str], None]
"""Told where (``parameter width``, ``result``) and what is wrong, with the remedy."""

_EMPTY = inspect.Parameter.empty
_STARS: Dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


class Read(NamedTuple):
    """What was read of one parameter. ``kind``: value, stream or callback."""

    parameter: Parameter
    kind: str


NONE_PASSES = ("first", "pipeline")
"""Modes of hooks in which a provider may give None, whatever else the contract says that it gives."""


class Reader:
    """Reads functions. ``lenient``, for providers: no annotation, or one of unknown names, matches anything."""

    def __init__(self, annotations: Annotations, problem: Problem, *, lenient: bool = False) -> None:
        self._annotations = annotations
        self._problem = problem
        self._lenient = lenient

    def method(self, name: str, function: Any, *, bound: bool) -> Method:
        """The method that ``function`` is; ``bound`` when its first parameter, self, is given already."""
        signature = inspect.signature(function)
        listed = list(signature.parameters.values())
        if not bound and not listed:
            self._problem("", "it takes no self; write it as the first parameter")
        read = [found for p in listed[0 if bound else 1 :] for found in self._parameter(function, p)]
        streams_in = [index for index, found in enumerate(read) if found.kind == "stream"]
        if len(streams_in) > 1:
            self._problem(f"parameter {read[streams_in[1]].parameter.name}", "a second stream; make it a list")
        result, streams, asynchronous = self._result(function, signature.return_annotation)
        raises: Tuple[type, ...] = getattr(function, "__weft_raises__", ())
        return Method(
            name,
            tuple(found.parameter for found in read),
            result,
            inspect.getdoc(function) or "",
            streams=streams,
            stream_in=streams_in[0] if streams_in else None,
            callbacks=tuple(index for index, found in enumerate(read) if found.kind == "callback"),
            asynchronous=asynchronous,
            hook=getattr(function, "__weft_hook__", None),
            raises=raises,
            raises_names=tuple(raised.__name__ for raised in raises),
            optional=not self._lenient and (getattr(function, "__weft_optional__", False) or has_body(function)),
        )

    def _parameter(self, function: Any, found: inspect.Parameter) -> List[Read]:
        where = f"parameter {_STARS.get(found.kind, '')}{found.name}"
        if found.kind in _STARS:
            if not self._lenient:
                self._problem(where, "a contract names every parameter; write them out")
            return []
        if found.kind is inspect.Parameter.POSITIONAL_ONLY and not self._lenient:
            self._problem(where, "it can be given by position only; leave out the / after it")
        shape, kind = self._placed(where, self.resolved(where, function, found.name, found.annotation))
        required, default = found.default is _EMPTY, found.default
        if not required and not self._lenient:
            self._check_default(where, shape, kind, default)
        elif not required and kind == "value" and _misfit(shape, default):
            shape, default = ANY, None if _misfit(ANY, default) else default  # it means more than it writes
        keyword_only = found.kind is inspect.Parameter.KEYWORD_ONLY
        return [Read(Parameter(found.name, shape, keyword_only, required, None if required else default), kind)]

    def _placed(self, where: str, annotation: Any) -> Tuple[Shape, str]:
        """The shape of a parameter, and of what kind it is."""
        origin = typing.get_origin(annotation)
        if origin in STREAMS and origin is not abc.Iterable:
            return self.shape(where, typing.get_args(annotation)[0]), "stream"
        try:
            shape = callback(self._annotations, annotation)
        except Unsupported as error:
            self._problem(where, str(error))
            return ANY, "callback"
        return (self.shape(where, annotation), "value") if shape is None else (shape, "callback")

    def _result(self, function: Any, written: Any) -> Tuple[Shape, bool, bool]:
        """The shape of the result or of its items, whether it streams, and whether it is asynchronous."""
        annotation = self.resolved("result", function, "return", written)
        hook = getattr(function, "__weft_hook__", None)
        if hook is not None and hook.mode in NONE_PASSES and annotation is not _EMPTY:
            annotation = typing.Optional[annotation]
        origin = typing.get_origin(annotation)
        coroutine = inspect.iscoroutinefunction(function)
        if origin not in STREAMS:
            streams = self._lenient and (inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function))
            return self.shape("result", annotation), streams, coroutine
        if coroutine:
            self._problem("result", "an async def that returns a stream; write def, without async, or yield in it")
        return self.shape("result", typing.get_args(annotation)[0]), True, STREAMS[origin]

    def resolved(self, where: str, owner: Any, name: str, written: Any) -> Any:
        """The annotation with its strings replaced; Any where there is none to go by."""
        if written is _EMPTY:
            if not self._lenient:
                arrow = "write what comes back, -> None where nothing does"
                self._problem(where, f"it has no annotation; {arrow if name == 'return' else 'write its type'}")
            return _EMPTY
        try:
            return self._annotations.resolve(owner, name, written)
        except Unresolved as error:
            if not self._lenient:
                self._problem(where, str(error))
            return _EMPTY

    def shape(self, where: str, annotation: Any) -> Shape:
        """The shape of a resolved annotation; one that matches anything, and a problem told, where it cannot cross."""
        if annotation is _EMPTY:
            return UNSAID
        try:
            return self._annotations.shape(annotation)
        except Unresolved as error:
            if not self._lenient:
                self._problem(where, str(error))
        except Unsupported as error:
            self._problem(where, str(error))
        return UNSAID

    def _check_default(self, where: str, shape: Shape, kind: str, default: Any) -> None:
        if kind != "value":
            if default is not None:
                self._problem(where, f"a {kind} can have no default but None")
            return
        error = _misfit(shape, default)
        if error:
            self._problem(where, f"its default does not cross: {error}")


def _misfit(shape: Shape, default: Any) -> str:
    """Why a default is no value of its shape; empty where it is."""
    try:
        shape.unpack(shape.packed(default))
    except (Mismatch, TypeError) as error:
        return str(error)
    return ""
