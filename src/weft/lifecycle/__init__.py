"""States and transitions, as tables; nothing else."""

from weft.lifecycle.table import Table
from weft.lifecycle.tables import INSTANCE, PLUGIN

__all__ = ["INSTANCE", "PLUGIN", "Table"]
