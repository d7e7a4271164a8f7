"""``/api/v1``: everything that an operator can do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, cast

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from weft.errors import UsageError, WeftError
from weft.manifest.model import Rollback as RollbackMode
from weft.server.management.api.context import Context, context_of
from weft.server.management.api.lines import MEDIA_TYPE, Lines, plain, until
from weft.server.management.deploys import Deploy
from weft.server.management.forms import Form, receive
from weft.server.management.problems import describe
from weft.server.status import Deployed, PluginStatus
from weft.server.uploads import Upload
from weft.settings import LogLevel
from weft.types import Progress

router = APIRouter(prefix="/api/v1")
DEPLOY_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["plugin"],
                    "properties": {
                        "plugin": {"type": "string", "format": "binary", "description": "a .plg, or a single .py"},
                        "name": {"type": "string"},
                        "domains": {"type": "array", "items": {"type": "string"}},
                        "config": {"type": "string", "description": "a JSON object of settings"},
                        "env": {"type": "string", "description": "a JSON object of secrets, text to text"},
                        "allow": {"type": "array", "items": {"type": "string"}},
                        "config_file": {"type": "string"},
                        "rollback": {"type": "string", "enum": ["manual", "auto"]},
                    },
                }
            }
        },
    }
}


RELEASE_SHOWN = ("number", "version", "digest", "created", "standing")
"""A release's settings hold secrets: they are never shown."""


class Permissions(BaseModel):
    """``KEY=VALUE`` each, as ``weft deploy --allow`` takes them."""

    permissions: list[str]


class Rollback(BaseModel):
    """The release to go back to; without one, the release before the current."""

    release: int | None = None


# --- what is there --------------------------------------------------------------------------------------------------


@router.get("/plugins", summary="Every plugin, with its state")
async def list_plugins(request: Request) -> list[dict[str, Any]]:
    context = context_of(request)
    return [_status(context, each) for each in context.operator.plugins()]


@router.get("/plugins/{name}", summary="One plugin, what it uses read anew")
async def get_plugin(name: str, request: Request) -> dict[str, Any]:
    context = context_of(request)
    await context.figures.usages.refresh(context.operator.status(name).name)
    return _status(context, context.operator.status(name))


def _status(context: Context, status: PluginStatus) -> dict[str, Any]:
    urls = [context.url(domain) for domain in status.domains]
    return {**plain(status), "stats": plain(context.figures.of(status.name)), "urls": urls}


@router.get("/plugins/{name}/config", summary="The keys of its settings and secrets; never a secret's value")
async def get_config(name: str, request: Request) -> dict[str, Any]:
    return dict(plain(context_of(request).operator.settings(name)))


@router.get("/plugins/{name}/releases", summary="Its kept releases, oldest first")
async def get_releases(name: str, request: Request) -> list[dict[str, Any]]:
    releases = await context_of(request).operator.releases(name)
    return [{key: plain(getattr(each, key)) for key in RELEASE_SHOWN} for each in releases]


@router.get("/plugins/{name}/logs", summary="What it printed, one JSON object per line", response_class=Lines)
async def get_logs(name: str, request: Request, *, follow: bool = False, level: LogLevel = "trace") -> Response:
    context = context_of(request)
    context.operator.status(name)
    return Lines(until(context.stopping, context.operator.logs(name, follow=follow, level=level)))


@router.get("/events", summary="What happened, one JSON object per line", response_class=Lines)
async def get_events(request: Request, *, follow: bool = False) -> Response:
    context = context_of(request)
    return Lines(until(context.stopping, context.operator.events(follow=follow)))


# --- deploying ------------------------------------------------------------------------------------------------------


@router.post(
    "/plugins",
    summary="Deploy a plugin, or replace the one of its name",
    description=(
        "Answers when the new release serves. With `Accept: application/x-ndjson`, lines of `{progress}` come "
        "meanwhile, then one line of `{result}` or `{error}`, with status 200."
    ),
    openapi_extra=DEPLOY_FORM,
)
async def deploy(request: Request) -> Response:
    context = context_of(request)
    stack = AsyncExitStack()
    try:
        form = await stack.enter_async_context(
            receive(request, context.operator.reading.workspace, most=context.most_upload)
        )
        upload = _upload(form)
    except BaseException:
        await stack.aclose()
        raise
    work = context.deploys.begin(lambda tell: _deploy(context, stack, upload, tell))
    if MEDIA_TYPE in request.headers.get("accept", ""):
        return Lines(_tell(context, work))
    return JSONResponse(_deployed(context, await work.result()))


async def _deploy(context: Context, stack: AsyncExitStack, upload: Upload, tell: Progress) -> Deployed:
    async with stack:
        return await context.operator.deploy(upload, progress=tell)


async def _tell(context: Context, work: Deploy[Deployed]) -> AsyncIterator[dict[str, Any]]:
    async for line in work.progress():
        yield {"progress": line}
    try:
        yield {"result": _deployed(context, await work.result())}
    except WeftError as error:
        yield describe(error)


def _deployed(context: Context, deployed: Deployed) -> dict[str, Any]:
    return {**plain(deployed), "urls": [context.url(domain) for domain in deployed.domains]}


def _upload(form: Form) -> Upload:
    if form.file is None:
        raise UsageError("the form has no file 'plugin': send an archive (.plg) or a single .py there")
    config_file = form.fields.get("config_file")
    return Upload(
        path=form.file,
        filename=form.filename,
        name=form.text("name"),
        domains=tuple(form.texts("domains")) or None,
        config=_json_object(form, "config"),
        env=_json_object(form, "env"),
        allow=tuple(form.texts("allow")),
        config_file=config_file[0] if config_file else None,
        rollback=_rollback(form.text("rollback")),
    )


def _rollback(given: str | None) -> RollbackMode | None:
    if given not in (None, "manual", "auto"):
        raise UsageError(f"field 'rollback' is {given!r:.100}: expected 'manual' or 'auto'")
    return cast("RollbackMode | None", given)


def _json_object(form: Form, name: str) -> dict[str, Any]:
    try:
        values = msgspec.json.decode(form.text(name) or "{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise UsageError(f"field {name!r} is no JSON object: {error}") from error
    if name == "env" and not all(isinstance(value, str) for value in values.values()):
        raise UsageError("field 'env' must have texts as values")
    return values


# --- a plugin's life ------------------------------------------------------------------------------------------------


@router.delete("/plugins/{name}", summary="Remove it; with purge, its data folder too", status_code=204)
async def remove(name: str, request: Request, *, purge: bool = False) -> None:
    await context_of(request).operator.remove(name, purge=purge)


@router.post("/plugins/{name}/restart", summary="Run the same release anew")
async def restart(name: str, request: Request) -> dict[str, Any]:
    context = context_of(request)
    return _deployed(context, await context.operator.restart(name))


@router.post("/plugins/{name}/enable", summary="Start it, now and with the server")
async def enable(name: str, request: Request) -> dict[str, Any]:
    context = context_of(request)
    return _deployed(context, await context.operator.enable(name))


@router.post("/plugins/{name}/disable", summary="Stop it, and leave it stopped", status_code=204)
async def disable(name: str, request: Request) -> None:
    await context_of(request).operator.disable(name)


@router.post("/plugins/{name}/rollback", summary="Go back to an earlier release")
async def rollback(name: str, request: Request, body: Rollback) -> dict[str, Any]:
    context = context_of(request)
    return _deployed(context, await context.operator.rollback(name, body.release))


@router.post("/plugins/{name}/grant", summary="Let it have more than the policy gives, from now on")
async def grant(name: str, request: Request, body: Permissions) -> dict[str, Any]:
    return dict(plain(await context_of(request).operator.grant(name, body.permissions)))


@router.post("/plugins/{name}/revoke", summary="Take grants back, from now on; a release that needs one is disabled")
async def revoke(name: str, request: Request, body: Permissions) -> dict[str, Any]:
    return dict(plain(await context_of(request).operator.revoke(name, body.permissions)))
