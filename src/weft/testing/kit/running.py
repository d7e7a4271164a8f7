"""How one test of the kit runs: in an event loop of its own, with an engine, within a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from weft.contracts.declare import contract_of
from weft.engine import Plugin
from weft.testing.capabilities import lacking
from weft.testing.engine import Engine, Where
from weft.testing.kit import contracts
from weft.types import OutputLine

C = TypeVar("C")
SOURCES = Path(__file__).parent / "plugins"
CONTRACTS = (
    contracts.Calls, contracts.Errors, contracts.Types, contracts.Streams, contracts.Chain, contracts.Peer,
)  # fmt: skip
DEADLINE = 60.0
"""Seconds that one test may take."""
MANIFEST = """name: {name}
version: "{version}"
entry: kit_{name}:Plugin
provides: [kit_{kind}]
"""


class Bench:
    """What a test of the kit has in its hands: an engine, and plugins of the kit for it."""

    def __init__(self, engine: Engine, folder: Path, lines: list[str]) -> None:
        self.engine = engine
        self.lines = lines
        """What plugins printed."""
        self._folder = folder

    def write(self, kind: str, name: str | None = None, *, version: str = "1.0.0", more: str = "") -> Path:
        """The kit's plugin of that kind, as a folder; ``more``: further lines of its manifest."""
        name = name or kind
        folder = self._folder / f"{name}-{version}"
        folder.mkdir()
        source = (SOURCES / f"{kind}.py").read_text()
        (folder / f"kit_{name}.py").write_text(source)
        (folder / "plugin.yaml").write_text(MANIFEST.format(name=name, version=version, kind=kind) + more)
        return folder

    async def load(self, kind: str, name: str | None = None, *, more: str = "", **given: Any) -> Plugin:
        """The kit's plugin of that kind, running."""
        (plugin,) = await self.engine.load(self.write(kind, name, more=more), **given)
        return plugin

    async def use(self, contract: Callable[..., C], **given: Any) -> C:
        """The kit's plugin that provides ``contract``, running."""
        kind = contract_of(contract).name.removeprefix("kit_")
        return self.engine.use(contract, (await self.load(kind, **given)).name)


Test = Callable[[Any, Bench], Awaitable[None]]


class Conformance:
    """The base of the kit's classes: ``runtime`` says which one is tested."""

    runtime: ClassVar[Where] = "process"
    name: ClassVar[str] = ""
    """The runtime's row in capabilities.LACKING, where it is not ``runtime`` itself."""
    partner: ClassVar[Where] = "process"
    """The runtime of the other plugins where a test needs two."""

    def lacking(self, capability: str) -> str:
        """Why the runtime cannot do it; '' where it can. Override it for a runtime that Weft does not know."""
        return lacking(self.name or str(self.runtime), capability)


def conforms(capability: str) -> Callable[[Test], Callable[..., None]]:
    """Marks a test of the kit; it is skipped where the runtime declares that it cannot do it."""

    def decorate(test: Test) -> Callable[..., None]:
        @wraps(test)
        def run(self: Conformance, weft_state: Path, tmp_path: Path) -> None:
            if why := self.lacking(capability):
                pytest.skip(f"{capability}: {why}")
            asyncio.run(_within(test, self, weft_state, tmp_path))

        run.capability = capability  # type: ignore[attr-defined]
        del run.__wrapped__  # pytest would ask for the fixtures of the inner one
        return run

    return decorate


async def _within(test: Test, case: Conformance, state: Path, folder: Path) -> None:
    lines: list[str] = []
    async with asyncio.timeout(DEADLINE):
        async with Engine(
            state,
            runtime=case.runtime,
            single={"partner": case.partner},
            contracts=CONTRACTS,
            output=lambda _plugin, line: lines.append(_text(line)),
        ) as engine:
            await test(case, Bench(engine, folder, lines))


def _text(line: OutputLine) -> str:
    return str(line)
