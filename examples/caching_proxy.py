# /// script
# requires-python = ">=3.10"
# dependencies = ["starlette>=0.40,<2", "httpx>=0.27,<1"]
#
# [tool.weft]
# name = "proxy"
# title = "Caching proxy"
# version = "1.0.0"
# requires.plugins = { shelf = ">=1" }
# permissions = { plugins = ["shelf", "storage", "redis-storage"], manage = true }
# config = { source = "", storage = "shelf", timeout = 5.0, stale = 604800.0 }
# ///
"""What Stockpile is: a caching proxy in front of a slow source that limits how often it may be asked.

``GET /CATEGORY/KEY`` is the source's answer, kept for as long as the storage keeps that category. However many ask for
it at the same time, the source is asked once. While the source fails, what it said last is given. ``GET /status`` and
``GET /metrics`` say what is there, and how often the source was spared.
"""

from contextlib import asynccontextmanager, suppress

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

import weft
from weft.contracts.storage import NoRoom, NotFound, Storage, TooLarge, Unreachable
from weft.sdk import context

COUNTED = {"hit": 0, "miss": 0, "stale": 0, "failed": 0}
"""Answers since the start: from the storage, from the source, of an earlier time, and none."""
SHOWN = ("name", "title", "version", "authors", "homepage", "provides", "state")


KEEPS_NOTHING = (TooLarge, NoRoom, Unreachable)
"""What a storage raises that cannot keep, or get, an entry."""


class SourceFailed(Exception):
    """The source gave no answer, or one that is none."""


@asynccontextmanager
async def lifespan(app):
    settings = context().config
    timeout = settings["timeout"]
    async with httpx.AsyncClient(base_url=settings["source"], timeout=timeout) as app.state.client:
        app.state.storage = context().use(Storage, settings["storage"])
        yield


async def entry(request: Request) -> Response:
    """One entry: from the storage, else from the source, else what the source said before."""
    category, key = request.path_params["category"], request.path_params["key"]
    storage, how, answer = request.app.state.storage, "hit", None

    async def fill() -> bytes:
        nonlocal how, answer
        how, answer = "miss", await asked(request.app.state.client, category, key)
        with suppress(*KEEPS_NOTHING):
            await storage.put(f"stale:{category}", key, answer, context().config["stale"])
        return answer

    try:
        try:
            value = await storage.get_or_fill(category, key, fill)
        except KEEPS_NOTHING:  # which is no reason to answer nothing
            value = await fill() if answer is None else answer
    except (SourceFailed, weft.WeftError) as error:
        try:
            how, value = "stale", await storage.get(f"stale:{category}", key)
        except (NotFound, Unreachable):
            COUNTED["failed"] += 1
            return PlainTextResponse(f"{error}\n", 502)
    COUNTED[how] += 1
    return Response(value, media_type="application/json", headers={"x-cache": how})


async def asked(client: httpx.AsyncClient, category: str, key: str) -> bytes:
    """What the source says. Raises SourceFailed."""
    try:
        answer = await client.get(f"/{category}/{key}")
        answer.raise_for_status()
    except (httpx.HTTPError, ValueError) as error:
        raise SourceFailed(f"the source (config: source) does not answer: {error}") from error
    return answer.content


def hit_rate() -> float:
    """Of all answers those that the storage had, from 0 to 1: for none of these the source was asked."""
    return COUNTED["hit"] / max(1, sum(COUNTED.values()))


async def status(request: Request) -> Response:
    """The server's plugins with their metadata (permission ``manage``), and what the storage counts."""
    host, port = request.scope["server"]
    async with httpx.AsyncClient() as client:
        plugins = (await client.get(f"http://{host}:{port}/api/v1/plugins")).raise_for_status().json()
    counted = await request.app.state.storage.statistics()
    return JSONResponse(
        {
            "plugins": [{key: plugin[key] for key in SHOWN} for plugin in plugins],
            "storage": {"entries": counted.entries, "bytes": counted.bytes},
            "answers": COUNTED,
            "hit_rate": hit_rate(),
        }
    )


async def metrics(request: Request) -> Response:
    """The same for Prometheus."""
    lines = [f'proxy_answers_total{{from="{how}"}} {count}' for how, count in COUNTED.items()]
    return PlainTextResponse("\n".join([*lines, f"proxy_hit_rate {hit_rate():.4f}", ""]))


app = Starlette(
    lifespan=lifespan,
    routes=[Route("/status", status), Route("/metrics", metrics), Route("/{category}/{key:path}", entry)],
)
