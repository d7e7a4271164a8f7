"""``/api/v1/plugins/NAME/…``: what plugins provide besides pages, described, called, run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from weft.errors import WeftError
from weft.server.calling import PreparedCall, described_of, prepare
from weft.server.json_form import described_json
from weft.server.management.api.context import context_of
from weft.server.management.api.lines import Lines, until
from weft.server.management.problems import describe
from weft.server.running import execute

router = APIRouter(prefix="/api/v1/plugins/{name}")


class CallBody(BaseModel):
    """A call of one method. Values are the JSON form of what the contract says: bytes as base64 text."""

    method: str = Field(description="CONTRACT.METHOD, or CONTRACT@VERSION.METHOD")
    arguments: dict[str, Any] | list[Any] = Field(default_factory=list, description="by name, or by position")
    timeout: float | None = Field(default=None, gt=0, description="seconds; without it, the plugin's limits.call")


@router.get("/contracts", summary="What it provides, each contract described with its methods and types")
async def get_contracts(name: str, request: Request) -> list[dict[str, Any]]:
    described = described_of(context_of(request).operator.plugin(name))
    return [described_json(each) for each in described.values()]


@router.post(
    "/call",
    summary="Call one method of a contract that it provides",
    description=(
        "Answers `{result}`. A method that streams answers newline-delimited JSON: lines of `{item}` as they come, "
        "and, where it fails, one last line of `{error}`."
    ),
    response_model=dict[str, Any],
)
async def call(name: str, request: Request, body: CallBody) -> Response:
    context = context_of(request)
    prepared = prepare(context.operator.plugin(name), body.method, body.arguments, body.timeout)
    if prepared.streams:
        return Lines(until(context.stopping, _items(prepared)))
    return JSONResponse({"result": await prepared.result()})


class RunBody(BaseModel):
    """The values that a task begins with, in the JSON form of what may have any type."""

    values: dict[str, Any] = Field(default_factory=dict)
    timeout: float | None = Field(default=None, gt=0, description="seconds; without it, the plugin's limits.call")


@router.post(
    "/run",
    summary="Execute the task that it provides, once",
    description="Answers `{result, values}`: what it returned, and what it set.",
    response_model=dict[str, Any],
)
async def run(name: str, request: Request, body: RunBody) -> Response:
    return JSONResponse(await execute(context_of(request).operator.task(name), body.values, body.timeout))


async def _items(prepared: PreparedCall) -> AsyncIterator[dict[str, Any]]:
    try:
        async with aclosing(prepared.items()) as items:  # type: ignore[type-var]
            async for item in items:
                yield {"item": item}
    except WeftError as error:
        yield describe(error)
