"""The files of a new plugin in GLoom's shape."""

from __future__ import annotations

PYPROJECT = """\
[project]
name = "$name"
version = "0.1.0"
description = "A web plugin in GLoom's shape"
requires-python = ">=3.9"
dependencies = []

[tool.weft]
entry = "$module:Plugin"
provides = ["web"]
"""

MODULE = '''\
"""$name: a web plugin in GLoom's shape."""


class Site:
    def name(self):
        return "$name"

    def init(self):
        """Called once, before the routes; an exception refuses the start."""
        return {"BodyLimit": 1024 * 1024}

    def register_routes(self, router):
        router.static("/static", "public")
        api = router.group("/api")
        api.get("/hello/:name?", self.hello)

    def hello(self, request):
        """`def` runs in a thread; `async def` works as well."""
        return {"hello": request.params["name"] or "world"}


Plugin = Site()
'''

STYLE = """\
body { margin: 2rem; font: 1.1rem/1.5 Georgia, serif }
"""

TEST = '''\
"""Serves the plugin as its host does. Run with: python -m unittest (in an environment that has weft)"""

import asyncio
import unittest
from pathlib import Path

from weft.sdk.gloom import application

from $module import Plugin

HERE = str(Path(__file__).parent)


def get(path):
    """The status and body that the plugin answers."""

    async def ask():
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        app = await application(Plugin, threads=1, folders=(HERE,))
        await app({"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])

    return asyncio.run(ask())


class TestSite(unittest.TestCase):
    def test_somebody_is_greeted(self):
        self.assertEqual(get("/api/hello/Ada"), (200, b'{"hello": "Ada"}'))
        self.assertEqual(get("/api/hello"), (200, b'{"hello": "world"}'))

    def test_assets_are_served_and_code_is_not(self):
        self.assertEqual(get("/static/style.css")[0], 200)
        self.assertEqual(get("/static/../$module.py")[0], 404)


if __name__ == "__main__":
    unittest.main()
'''

README = """\
# $name

A web plugin in GLoom's shape, for Weft.

    weft check .       # look it over
    weft dev .         # run it, with reload on save
    weft deploy .      # put it on the running server: http://$domain:3000/api/hello

`$module.py` holds the plugin, `public/` its assets, `pyproject.toml` says what the plugin is and needs: add packages to
`dependencies`.
"""

FILES = {
    "pyproject.toml": PYPROJECT,
    "$module.py": MODULE,
    "public/style.css": STYLE,
    "test_$module.py": TEST,
    "README.md": README,
}
