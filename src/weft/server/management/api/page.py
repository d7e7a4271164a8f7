"""A page for people: what runs, and where."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from weft.server.management.api.context import context_of

router = APIRouter(include_in_schema=False)
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Weft</title>
<style>
body {{ font: 16px system-ui; margin: 3rem auto; max-width: 50rem }}
td, th {{ text-align: left; padding: .3rem 1rem }}
</style>
<h1>Weft</h1>
<table><tr><th>plugin</th><th>version</th><th>state</th><th>serves</th></tr>{rows}</table>
"""


@router.get("/")
async def page(request: Request) -> HTMLResponse:
    context = context_of(request)
    rows = []
    for each in context.operator.plugins():
        links = ", ".join(f'<a href="{escape(context.url(name))}">{escape(name)}</a>' for name in each.domains)
        served = links or escape(", ".join(each.provides))
        cells = (escape(each.name), escape(each.version), escape(each.state), served)
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return HTMLResponse(PAGE.format(rows="".join(rows)), headers={"content-security-policy": POLICY})
