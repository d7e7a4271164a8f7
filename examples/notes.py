# /// script
# requires-python = ">=3.10"
# dependencies = ["starlette>=0.40,<2", "markdown>=3.6,<4"]
#
# [tool.weft]
# name = "notes"
# title = "Notes"
# domains = ["notes.localhost"]
# ///
"""A page of notes in Markdown: edited in one window, it changes in every other at once (server-sent events)."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from markdown import Markdown
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

FILE = Path(os.environ.get("WEFT_DATA_DIR", ".")) / "notes.md"
FIRST = "# Notes\n\nWritten in **Markdown**, kept in the plugin's data folder.\n\n| warp | weft |\n|---|---|\n| stays | passes |\n"
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Notes</title>
<style>
  body { display: grid; grid-template-columns: 1fr 1fr; gap: 2rem; margin: 2rem; font: 1.1rem/1.5 Georgia, serif }
  textarea { font: 1rem/1.5 monospace; min-height: 80vh; padding: 1rem } td, th { padding: .2rem 1rem; text-align: left }
</style>
<textarea></textarea><main></main>
<script>
  const text = document.querySelector("textarea"), page = document.querySelector("main")
  text.oninput = () => fetch("/notes", {method: "PUT", body: text.value})
  new EventSource("/events").onmessage = event => {
    const notes = JSON.parse(event.data)
    page.innerHTML = notes.html
    if (document.activeElement !== text) text.value = notes.markdown
  }
</script></html>"""


def renderer() -> Markdown:
    """Markdown with tables, in which HTML is text."""
    renderer = Markdown(extensions=["tables"])
    renderer.preprocessors.deregister("html_block")
    renderer.inlinePatterns.deregister("html")
    return renderer


class Notes:
    """The text, and the windows that wait for its next change."""

    def __init__(self) -> None:
        self.text = FILE.read_text() if FILE.exists() else FIRST
        self.changed = asyncio.Event()

    def write(self, text: str) -> None:
        self.text = text
        FILE.write_text(text)
        self.changed.set()
        self.changed = asyncio.Event()

    def rendered(self) -> dict[str, str]:
        return {"markdown": self.text, "html": renderer().convert(self.text)}

    async def events(self) -> AsyncIterator[bytes]:
        while True:
            changed = self.changed
            yield b"data: " + JSONResponse(self.rendered()).body + b"\n\n"
            await changed.wait()


notes = Notes()


async def page(request: Request) -> Response:
    return HTMLResponse(PAGE)


async def read(request: Request) -> Response:
    return JSONResponse(notes.rendered())


async def write(request: Request) -> Response:
    notes.write((await request.body()).decode())
    return JSONResponse(notes.rendered())


async def events(request: Request) -> Response:
    return StreamingResponse(notes.events(), media_type="text/event-stream", headers={"cache-control": "no-store"})


app = Starlette(
    routes=[
        Route("/", page),
        Route("/notes", read),
        Route("/notes", write, methods=["PUT"]),
        Route("/events", events),
    ]
)
