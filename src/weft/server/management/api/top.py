"""``/api/v1/top``: what every plugin does and uses now."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from weft.server.figures import PluginFigures
from weft.server.management.api.context import context_of
from weft.server.management.api.lines import plain

router = APIRouter(prefix="/api/v1")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One plugin."""

    name: str
    release: int
    version: str
    state: str
    stats: PluginFigures


@router.get(
    "/top",
    summary="What every plugin does and uses now",
    description="Processes are looked at anew, at most once in a second; memory page by page only every half minute.",
    response_model=list[Row],
)
async def top(request: Request) -> Response:
    context = context_of(request)
    await context.figures.usages.refresh()
    rows = [
        Row(
            name=each.name,
            release=each.release,
            version=each.version,
            state=each.state,
            stats=context.figures.of(each.name),
        )
        for each in context.operator.plugins()
    ]
    return JSONResponse(plain(rows))
