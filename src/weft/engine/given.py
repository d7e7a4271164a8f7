"""What a host gives plugins when it loads them: to one, or to several by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weft.engine.release import Release
from weft.errors import UsageError
from weft.manifest import Order
from weft.manifest.model import Rollback


@dataclass(frozen=True)
class Given:
    """What one plugin is given, over what its manifest says; kept over its upgrades."""

    config: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    order: Order | None = None
    rollback: Rollback | None = None
    """For this release alone; None: as its manifest says."""

    def over(self, before: Release) -> Given:
        """What the release before was given, and this over it."""
        return Given(
            {**before.config, **self.config}, {**before.env, **self.env}, self.order or before.order, self.rollback
        )


def given_to_one(*, config: Any = None, env: Any = None, order: Any = None, rollback: Any = None) -> Given:
    """What one plugin is given. Raises UsageError for what has another shape."""
    for key, value in (("config", config), ("env", env)):
        if value is not None and not isinstance(value, Mapping):
            raise UsageError(f"{key}: expected a mapping, found {type(value).__name__}")
    if order is not None and not isinstance(order, Order):
        raise UsageError(f"order: expected weft.manifest.Order, found {type(order).__name__}")
    if rollback not in (None, "auto", "manual"):
        raise UsageError(f"rollback: expected 'auto' or 'manual', found {rollback!r:.100}")
    return Given(config or {}, env or {}, order, rollback)


def given_by_name(what: str, **tables: Any) -> dict[str, Given]:
    """What several plugins are given. Raises UsageError, which says ``what`` they are, for what has another shape."""
    named = {key: table for key, table in tables.items() if table is not None}
    for key, table in named.items():
        if not isinstance(table, Mapping):
            raise UsageError(f"{key}: {what}: give {key} by name, as in {{'shop': …}}")
    names = {name for table in named.values() for name in table}
    try:
        return {name: given_to_one(**{key: table.get(name) for key, table in named.items()}) for name in names}
    except UsageError as error:
        raise UsageError(f"{error} ({what}: what is given goes by their names)") from None
