"""GLoom's three endpoints, in its words: what happened is in the text; 400 is for what was sent wrongly."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from weft.errors import StorageFailed, UsageError, WeftError
from weft.server.gloom import DELETED, UPDATED, UPLOADED, told
from weft.server.management.api.context import Context, context_of
from weft.server.management.forms import receive
from weft.server.uploads import Upload

router = APIRouter(prefix="/api/plugins", tags=["GLoom"])
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["plugin", "domains"],
                    "properties": {
                        "plugin": {"type": "string", "format": "binary"},
                        "domains": {"type": "string", "description": "comma-separated"},
                        "name": {"type": "string"},
                    },
                }
            }
        },
    }
}


@router.get("", summary="The plugins, each with its domains")
async def list_plugins(request: Request) -> list[dict[str, Any]]:
    return [{"name": name, "domains": list(of)} for name, of in context_of(request).operator.domains().items()]


@router.post("", summary="Upload a plugin, or replace the one of its name", openapi_extra=FORM)
async def upload_plugin(request: Request) -> Response:
    context = context_of(request)
    try:
        return PlainTextResponse(await _upload(request, context))
    except StorageFailed:
        raise
    except UsageError as error:
        return PlainTextResponse(str(error), 400)
    except WeftError as error:
        return PlainTextResponse(told(error))


async def _upload(request: Request, context: Context) -> str:
    async with receive(request, context.operator.reading.workspace, most=context.most_upload) as form:
        domains = tuple(each.strip() for each in (form.text("domains") or "").split(","))
        if form.file is None:
            raise UsageError("plugin is missing: send it as a file")
        if not all(domains):
            raise UsageError("domain cannot be empty")
        upload = Upload(
            path=form.file,
            filename=form.filename,
            name=form.text("name") or None,
            domains=domains,
            spare_preloaded=True,
        )
        deployed = await context.deploys.begin(lambda tell: context.operator.deploy(upload, progress=tell)).result()
        return UPLOADED if deployed.created else UPDATED


@router.delete("/{name}", summary="Remove a plugin")
async def delete_plugin(name: str, request: Request) -> Response:
    try:
        await context_of(request).operator.remove(name)
    except StorageFailed:
        raise
    except WeftError as error:
        return PlainTextResponse(told(error))
    return PlainTextResponse(DELETED)
