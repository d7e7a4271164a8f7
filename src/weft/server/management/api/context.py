"""What the endpoints translate to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from weft.server.figures import Figures
from weft.server.management.deploys import Deploys
from weft.server.management.metrics import Sample

if TYPE_CHECKING:
    from weft.server.operator import Operator


@dataclass(frozen=True, kw_only=True)
class Context:
    """One server's management."""

    operator: Operator
    most_upload: int
    """Bytes."""
    url: Callable[[str], str]
    """The address of a domain on this server."""
    is_ready: Callable[[], bool]
    figures: Figures
    """What plugins do and use."""
    sample: Callable[[], Sample]
    """What /metrics shows."""
    deploys: Deploys = field(default_factory=Deploys)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server ends: whoever follows something is told no more."""


def context_of(connection: HTTPConnection) -> Context:
    """The context of the application that serves this request."""
    context = connection.app.state.context
    assert isinstance(context, Context)
    return context
