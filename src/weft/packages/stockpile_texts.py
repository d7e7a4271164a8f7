"""The texts of a new plugin in Stockpile's form: see ``scaffold``."""

from __future__ import annotations

PYPROJECT = """\
[project]
name = "$name"
version = "0.1.0"
description = "A storage backend"
requires-python = ">=3.9"
dependencies = []

[tool.weft]
entry = "$module:InitializePlugin"
provides = ["storage"]
"""

MODULE = '''\
"""$name: a plugin in Stockpile's form. It registers one storage backend, which keeps entries in memory."""

import time

from weft.contracts.storage import Entry, NotFound, Statistics, check_entry
from weft.sdk.storage import Backend, moment

Metadata = {
    "Name": "$name",
    "Version": "0.1.0",
    "Authors": [],
    "Website": "",
}


def InitializePlugin(ctx):
    """Register what this plugin brings; the factory is called with the plugin's configuration."""
    ctx.register_storage_backend("$name", Storage)


class Storage(Backend):
    """Backend brings times to live by category, statistics of its own and get_or_fill; the rest is yours."""

    def __init__(self, config):
        super().__init__(config)
        self.kept = {}

    async def put(self, category, key, value, ttl=None):
        seconds = self.lifetime(category, key, len(value), ttl)
        self.kept[category, key] = value, None if seconds is None else time.time() + seconds

    async def get(self, category, key):
        check_entry(category, key)
        value = self.value(category, key)
        if value is None:
            self.misses += 1
            raise NotFound(category, key)
        self.hits += 1
        return value

    async def delete(self, category, key):
        check_entry(category, key)
        there = self.value(category, key) is not None
        self.kept.pop((category, key), None)
        return there

    async def list(self, category, prefix=""):
        check_entry(category)
        for key, (value, expires) in sorted(self.living(category).items()):
            if key.startswith(prefix):
                yield Entry(key, len(value), moment(expires))

    async def purge(self, category=None, *, everything=False):
        check_entry(category)
        now = time.time()
        gone = [
            entry
            for entry, (_, expires) in self.kept.items()
            if category in (None, entry[0]) and (everything or (expires is not None and expires <= now))
        ]
        for entry in gone:
            del self.kept[entry]
        return len(gone)

    async def statistics(self, category=None):
        check_entry(category)
        categories = {its for its, _ in self.kept} if category is None else {category}
        sizes = [len(value) for each in categories for value, _ in self.living(each).values()]
        return Statistics(self.hits, self.misses, len(sizes), sum(sizes))

    def value(self, category, key):
        """None where there is none; one whose time is over is forgotten."""
        value, expires = self.kept.get((category, key), (None, None))
        if expires is not None and expires <= time.time():
            del self.kept[category, key]
            return None
        return value

    def living(self, category):
        """The entries of a category whose time is not over, by key."""
        now = time.time()
        return {
            key: (value, expires)
            for (its, key), (value, expires) in self.kept.items()
            if its == category and (expires is None or expires > now)
        }
'''

TEST = '''\
"""What every storage does, and this one. Run with: python -m pytest (in an environment that has weft and pytest)"""

from pathlib import Path

from weft.testing.kit.storage import StorageConformance


class TestStorage(StorageConformance):
    source = Path(__file__).parent
    name = "$name"
'''

README = """\
# $name

A storage backend for Weft, in Stockpile's form.

    weft check .       # look it over
    weft deploy .      # put it on the running server
    python -m weft.testing.conformance .   # does it do what every storage does?
    python -m pytest   # the same, one test for each promise

`$module.py` has `Metadata`, which `weft list` shows, and `InitializePlugin(ctx)`, which registers the backend;
`pyproject.toml` says what the plugin needs: add packages to `dependencies`. A host uses the backend by its id:

    await engine.load("$name")
    storage = engine.use(weft.Storage, "$name")
"""

FILES = {"pyproject.toml": PYPROJECT, "$module.py": MODULE, "test_$module.py": TEST, "README.md": README}
