"""For load balancers and Prometheus. The first two need no leave, and tell nothing but yes or no."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from weft.server.management.api.context import context_of
from weft.server.management.metrics import CONTENT_TYPE, render

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="200 as long as the server answers", response_class=PlainTextResponse)
async def healthz() -> str:
    return "ok\n"


@router.get("/readyz", summary="200 when every plugin that is to serve has been started, else 503")
async def readyz(request: Request) -> Response:
    ready = context_of(request).is_ready()
    return PlainTextResponse("ready\n" if ready else "starting or stopping\n", 200 if ready else 503)


@router.get("/metrics", summary="Metrics for Prometheus")
async def metrics(request: Request) -> Response:
    text = await asyncio.to_thread(render, context_of(request).sample())
    return Response(text, media_type=CONTENT_TYPE)
