"""The management application: its endpoints, its errors, and the guard before them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from math import ceil
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from weft.errors import Unavailable, UsageError, WeftError
from weft.server.figures import Figures
from weft.server.management.access import is_beyond_loopback
from weft.server.management.api import contracts, gloom, health, page, plugins, top
from weft.server.management.api.context import Context
from weft.server.management.guard import Guard
from weft.server.management.metrics import Sample
from weft.server.management.peers import PeerJudge
from weft.server.management.problems import describe, status_of
from weft.settings import ServerSettings

if TYPE_CHECKING:
    from weft.server.operator import Operator

VERSION = "1"


def build_management(
    operator: Operator,
    settings: ServerSettings,
    *,
    token: str,
    managers: Callable[[], Collection[int]],
    figures: Figures,
    sample: Callable[[], Sample],
    is_ready: Callable[[], bool],
    url: Callable[[str], str],
) -> FastAPI:
    """The application behind management's domains and the control socket.

    ``managers()``: pids of the instances of plugins that may manage. ``figures``: what plugins do and use.
    ``sample()``: what /metrics shows. ``url(domain)``: where this server serves a domain.
    """
    context = Context(
        operator=operator,
        most_upload=settings.management.max_upload_bytes,
        url=url,
        is_ready=is_ready,
        figures=figures,
        sample=sample,
    )
    application = _application(
        context, (gloom.router, plugins.router, top.router, contracts.router, health.router, page.router)
    )
    application.add_middleware(
        Guard,
        judge=PeerJudge(managers),
        token=token,
        domains=settings.management.domains,
        exposed=is_beyond_loopback(settings.host),
    )
    return application


def _application(context: Context, routers: Iterable[APIRouter]) -> FastAPI:
    application = FastAPI(
        title="Weft management",
        version=VERSION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    application.state.context = context
    for router in routers:
        application.include_router(router)
    application.add_exception_handler(WeftError, _answer_error)
    application.add_exception_handler(RequestValidationError, _answer_invalid)
    return application


async def _answer_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, WeftError)
    headers = {"retry-after": str(max(1, ceil(error.retry_after)))} if isinstance(error, Unavailable) else None
    return JSONResponse(describe(error), status_of(error), headers)


async def _answer_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    parts = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return JSONResponse(describe(UsageError("; ".join(parts))), 400)
