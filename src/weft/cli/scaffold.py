"""The plugin that ``weft new`` makes."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from weft.errors import UsageError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PYPROJECT = Template("""[project]
name = "$name"
version = "0.1.0"
description = "What $name does."
requires-python = ">=3.9"
dependencies = []  # its own packages: "fastapi>=0.115", whatever other plugins pin

[tool.weft]
entry = "$module:app"
# domains = ["$domain"]
""")
_APPLICATION = Template('''"""$name: any ASGI or WSGI application is a plugin. Replace this one by yours."""


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError(f"no {scope['type']} here")
    body = b"Hello from $name\\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
''')


def make_web(folder: Path) -> Path:
    """Make ``folder``, which must not exist, with a web plugin of its name. Raises UsageError."""
    name = folder.name
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a plugin: begin with a letter, use letters, digits, '_' and '-'")
    if folder.exists():
        raise UsageError(f"{folder} exists already: choose another name, or remove it")
    module = name.replace("-", "_").lower()
    values = {"name": name, "module": module, "domain": f"{name.replace('_', '-').lower()}.example.com"}
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(_PYPROJECT.substitute(values))
    (folder / f"{module}.py").write_text(_APPLICATION.substitute(values))
    return folder
