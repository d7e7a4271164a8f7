"""The built-in contract ``task``: one ``execute(context)``.

What crosses is an ordinary method, ``execute(values, changed)``: the values of the context go in, ``changed`` is called
back with what the task sets, as soon as may be and before the result. In the caller's own interpreter the context
itself is handed over.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Optional, Protocol

from weft.contracts.arguments import CallbackShape
from weft.contracts.containers import Mapping
from weft.contracts.declare import describe_as
from weft.contracts.description import Contract, Method, Parameter
from weft.contracts.face import Face, Faced
from weft.contracts.mismatch import Mismatch
from weft.contracts.scalars import SCALARS
from weft.contracts.sealed import SEALED, Sealed
from weft.contracts.shape import ANY, Definitions, Schema, Shape
from weft.contracts.supervision import supervised
from weft.contracts.task_context import TaskContext
from weft.errors import UsageError


class _Values(Mapping):
    """The values of a context, by key."""

    def _pack(self, values: Any) -> Any:
        return values.packed() if isinstance(values, TaskContext) else super()._pack(values)


class _Context(Shape):
    """The context, as users of the contract see it. It does not cross: its values do."""

    def unpack(self, plain: Any) -> Any:
        raise self.wrong(plain)

    def schema(self, definitions: Definitions) -> Schema:
        return _VALUES.schema(definitions)

    def __str__(self) -> str:
        return "TaskContext"


_VALUES = _Values(SCALARS[str], SEALED)
_CHANGED = CallbackShape((Mapping(SCALARS[str], SEALED),), SCALARS[type(None)], awaited=True)
_DOC = "Do the work; what it returns is the result."


def _execute(*, asynchronous: bool) -> Method:
    parameters = (Parameter("values", _VALUES), Parameter("changed", _CHANGED))
    return Method("execute", parameters, SEALED, _DOC, callbacks=(1,), asynchronous=asynchronous)


async def _around(call: Any, seconds: Optional[float], context: TaskContext) -> Any:
    if not isinstance(context, TaskContext):
        raise Mismatch("a TaskContext", type(context).__name__, "context")
    if context.err is not None:
        raise UsageError(f"the task's context is done ({context.err}): make a new one, TaskContext(context.values)")
    context.begin(seconds)

    async def changed(changes: Any) -> None:
        context.take(changes)

    result = await supervised(context, call, context, changed)
    return result.open(context.find_class) if isinstance(result, Sealed) else result


def task_contract(*, asynchronous: bool) -> Contract:
    """The contract, for a class whose ``execute(context)`` is awaited, or is not."""
    methods = {"execute": _execute(asynchronous=asynchronous)}
    face = Method("execute", (Parameter("context", _Context()),), ANY, _DOC, asynchronous=asynchronous)
    return Faced("task", 1, "A piece of work.", methods, faces={"execute": Face(face, _around)})


TASK = task_contract(asynchronous=True)


@partial(describe_as, TASK)
class Task(Protocol):
    """A piece of work that a plugin does: ``engine.use(weft.Task, "sample")``."""

    async def execute(self, context: TaskContext) -> Any:
        """Do the work on the context's values; returns the result. What the task sets is in the context then.

        Raises PluginError with what the task raised, TaskCancelled after ``context.cancel()``, DeadlineExceeded, and
        UsageError for a context that is done.
        """
