"""The contract ``task`` without await."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from weft.contracts.declare import describe_as
from weft.contracts.task import task_contract
from weft.contracts.task_context import TaskContext


@partial(describe_as, task_contract(asynchronous=False))
class Task(Protocol):
    """A piece of work that a plugin does: ``engine.use(weft.sync.Task, "sample")``."""

    def execute(self, context: TaskContext) -> Any:
        """See ``weft.Task.execute``."""
