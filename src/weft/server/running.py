"""Tasks with JSON values: what ``weft run`` and its endpoint do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weft.calls.deadline import deadline
from weft.contracts import dynamic
from weft.contracts.mismatch import Mismatch
from weft.contracts.task import Task
from weft.contracts.task_context import TaskContext
from weft.errors import WrongArgument
from weft.server.json_form import JsonForm

_FORM = JsonForm({})


async def execute(task: Task, values: Mapping[str, Any], timeout: float | None = None) -> dict[str, Any]:
    """Run it once on JSON values: ``{"result": …, "values": {what it set}}``.

    ``timeout`` in seconds; without it, the plugin's ``limits.call`` holds. Raises WrongArgument for values that are
    none, and what the task raises.
    """
    given = {key: _read(key, value) for key, value in values.items()}
    context = TaskContext(given)
    if timeout is None:
        result = await task.execute(context)
    else:
        async with deadline(timeout):
            result = await task.execute(context)
    changed = {key: value for key, value in context.values.items() if given.get(key, _read) is not value}
    return {"result": _write(result), "values": {key: _write(value) for key, value in changed.items()}}


def _read(key: str, value: Any) -> Any:
    try:
        return dynamic.unpack(_FORM.read({}, value))
    except Mismatch as mismatch:
        raise WrongArgument(f"values: {mismatch.within(key)}") from None


def _write(value: Any) -> Any:
    return _FORM.write({}, dynamic.pack(value))
