"""``weft.sdk.context()`` in a host of several plugins."""

from __future__ import annotations

import pytest

from weft.errors import UsageError
from weft.sdk import context

ASKS = """
from weft.sdk import context
from .part import NAMES
class Plugin:
    def init(self): NAMES.append(context().name)
    def register_routes(self, router):
        async def inside(request): return [*NAMES, context().version]
        def in_thread(request): return sorted([context().name for _ in range(2)], key=lambda name: context().version)
        router.get("/", inside)
        router.get("/thread", in_thread)
"""
PART = "from weft.sdk import context\nNAMES = [context().name]\n"


def test_every_plugin_has_its_own_and_so_has_every_version(run, folder, started, get):
    def of(name):
        return folder(name, {f"{name[0]}_p/__init__.py": ASKS, f"{name[0]}_p/part.py": PART})

    async def main():
        async with started(of("a1"), name="ann") as ann, started(of("b1"), name="bo") as bo:
            async with started(of("a2"), name="ann", version="2.0") as later:
                answers = [await get(each) for each in (ann, bo, later)]
                assert answers == ['["ann", "ann", "1.0"]', '["bo", "bo", "1.0"]', '["ann", "ann", "2.0"]']
                assert [await get(each, b"/thread") for each in (ann, bo)] == ['["ann", "ann"]', '["bo", "bo"]']
        with pytest.raises(UsageError, match="no plugin context here"):
            context()

    run(main())
