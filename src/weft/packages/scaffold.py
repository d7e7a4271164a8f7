"""New plugins: the few files that ``weft new`` writes."""

from __future__ import annotations

import keyword
import sys
import tempfile
from pathlib import Path
from string import Template

from weft.errors import Conflict, NotInThisVersion, StorageFailed, UsageError
from weft.manifest.rules import Invalid
from weft.manifest.values import name as plugin_name
from weft.packages import gloom_texts, stockpile_texts, szlabs_texts
from weft.packages.contract_plugin import HostContract, contract_files

PYPROJECT = """\
[project]
name = "$name"
version = "0.1.0"
description = "A web plugin"
requires-python = ">=3.9"
dependencies = []

[tool.weft]
entry = "$module:app"
provides = ["web"]
"""

MODULE = '''\
"""$name: a web plugin. ``app`` is a plain ASGI application; any framework's will do as well."""

GREETING = b"Hello from $name\\n"


async def app(scope, receive, send):
    """Answer every request with the greeting."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "http":
        status, body = (200, GREETING) if scope["path"] == "/" else (404, b"Not found\\n")
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    elif scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})


async def lifespan(receive, send):
    """What happens once, before the first request and after the last."""
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
'''

TEST = '''\
"""Run with: python -m unittest"""

import asyncio
import unittest

import $module


def get(path):
    """The status and body that the application answers."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    asyncio.run($module.app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


class TestApp(unittest.TestCase):
    def test_the_root_greets(self):
        self.assertEqual(get("/"), (200, $module.GREETING))

    def test_any_other_path_is_not_found(self):
        self.assertEqual(get("/elsewhere")[0], 404)


if __name__ == "__main__":
    unittest.main()
'''

README = """\
# $name

A web plugin for Weft.

    weft check .       # look it over
    weft dev .         # run it, with reload on save
    weft deploy .      # put it on the running server: http://$domain:3000

`$module.py` holds the application, `pyproject.toml` says what the plugin is and needs: add packages to `dependencies`.
"""

TASK_PYPROJECT = """\
[project]
name = "$name"
version = "0.1.0"
description = "A task"
requires-python = ">=3.9"
dependencies = []

[tool.weft]
entry = "$module:Execute"
provides = ["task"]
"""

TASK_MODULE = '''\
"""$name: a task. ``Execute`` gets values by their keys, sets others, and returns a result."""


def Execute(ctx):
    """Greet the one whose name is in the values. ``def`` runs in a thread; ``async def`` works as well."""
    name = ctx.get_value("name") or "world"
    greeting = f"Hello, {name}"
    ctx.set_value("greeting", greeting)
    return len(greeting)
'''

TASK_TEST = '''\
"""Runs the task as its host does. Run with: python -m unittest (in an environment that has weft)"""

import unittest
from pathlib import Path

import weft


class TestTask(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.engine = await self.enterAsyncContext(weft.Engine())
        await self.engine.load(Path(__file__).parent)
        self.task = self.engine.use(weft.Task)

    async def test_who_is_named_is_greeted(self):
        context = weft.TaskContext({"name": "Ada"})
        self.assertEqual(await self.task.execute(context), 10)
        self.assertEqual(context.get_value("greeting"), "Hello, Ada")

    async def test_somebody_is_greeted(self):
        context = weft.TaskContext()
        await self.task.execute(context)
        self.assertEqual(context.get_value("greeting"), "Hello, world")


if __name__ == "__main__":
    unittest.main()
'''

TASK_README = """\
# $name

A task for Weft.

    weft check .       # look it over
    weft dev .         # run it, with reload on save
    weft deploy .      # put it on the running server
    weft run $name --values '{"name": "Ada"}'

`$module.py` holds the task, `pyproject.toml` says what the plugin is and needs: add packages to `dependencies`.
"""

KINDS: dict[str, dict[str, str]] = {
    "web": {"pyproject.toml": PYPROJECT, "$module.py": MODULE, "test_$module.py": TEST, "README.md": README},
    "task": {
        "pyproject.toml": TASK_PYPROJECT,
        "$module.py": TASK_MODULE,
        "test_$module.py": TASK_TEST,
        "README.md": TASK_README,
    },
    "gloom": gloom_texts.FILES,
    "stockpile": stockpile_texts.FILES,
    "szlabs": szlabs_texts.FILES,
}
"""For each kind, file names and their texts, both with $name, $module and $domain to be filled in."""


def scaffold(name: str, kind: str | HostContract, into: Path) -> list[Path]:
    """Write a new plugin's folder ``into/NAME`` and return its files. ``kind``: one of KINDS, or a contract of a host.

    Raises UsageError for a name that no plugin can have, NotInThisVersion for a kind that is not here, Conflict where
    the folder exists, StorageFailed where it cannot be written; then nothing is left.
    """
    texts = contents(name, kind)
    target = into / name
    if target.exists() or target.is_symlink():
        raise Conflict(f"{target} exists already: choose another name, or remove it")
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=".weft-new-") as temporary:
            folder = Path(temporary) / name
            folder.mkdir()
            for file, text in texts.items():
                path = folder / file
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
            folder.rename(target)
    except OSError as error:
        raise StorageFailed(f"{target} could not be written: {error.strerror or error}") from error
    return [target / file for file in texts]


def contents(name: str, kind: str | HostContract) -> dict[str, str]:
    """The files of a new plugin, by name. Raises UsageError and NotInThisVersion."""
    try:
        plugin_name(name)
    except Invalid as invalid:
        raise UsageError(f"{invalid}: {invalid.flaws[0].remedy}") from None
    module = module_name(name)
    if isinstance(kind, HostContract):
        return contract_files(name, module, kind)
    if kind not in KINDS:
        raise NotInThisVersion(f"new: form {kind}: not in this version; there are {', '.join(KINDS)}")
    known = {"name": name, "module": module, "domain": f"{name.lower()}.localhost"}
    return {Template(file).substitute(known): Template(text).substitute(known) for file, text in KINDS[kind].items()}


def module_name(name: str) -> str:
    """A module's name for a plugin's: one that Python can import and that hides nothing of its own."""
    module = name.replace("-", "_").lower()
    return module if module.isidentifier() and not _is_taken(module) else f"plugin_{module}"


def _is_taken(module: str) -> bool:
    return module in sys.stdlib_module_names or keyword.iskeyword(module) or module.startswith(("test_", "setup"))
