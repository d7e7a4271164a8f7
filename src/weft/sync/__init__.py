"""The synchronous door: ``weft.sync.Engine`` is ``weft.Engine`` without await, for scripts, Flask and Django."""

from weft.sync.engine import Engine
from weft.sync.task import Task

__all__ = ["Engine", "Task"]
