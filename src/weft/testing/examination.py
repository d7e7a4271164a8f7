"""Does a plugin do what its manifest promises? It is loaded in its own runtime, looked at, and stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.contracts.declare import contract_of, declared
from weft.contracts.description import Contract
from weft.contracts.names import split_key
from weft.contracts.storage import Storage
from weft.engine import Plugin
from weft.engine.components import providers_in
from weft.engine.crew import STOP_GRACE
from weft.errors import UsageError, WeftError
from weft.testing.engine import Engine
from weft.testing.storage import CHECKS

PING_WITHIN = 5.0
"""Seconds in which an idle plugin must give a sign of life."""
CHECK_WITHIN = 30.0
"""Seconds that one promise of a storage may take to be seen."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``found``: what there is, or what is wrong and what to do about it."""

    what: str
    well: bool
    found: str


@dataclass
class Report:
    """All that was found of one plugin."""

    source: str
    name: str = ""
    version: str = ""
    runtime: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return all(each.well for each in self.findings)

    def add(self, what: str, found: str, *, well: bool = True) -> None:
        """Note one thing."""
        self.findings.append(Finding(what, well, found))


async def examine(source: Path, state: Path | None = None, config: Mapping[str, Any] | None = None) -> Report:
    """Load, with ``config``, look, stop. Raises UsageError where ``source`` is several plugins; all else it reports."""
    report = Report(str(source))
    async with Engine(state) as engine:
        began = time.monotonic()
        try:
            plugins = await engine.load(source, config=config)
        except WeftError as error:
            report.add("starts", str(error), well=False)
            return report
        if len(plugins) != 1:
            raise UsageError(f"{source} is a folder of {len(plugins)} plugins: name one of them")
        (plugin,) = plugins
        report.name, report.version, report.runtime = plugin.name, plugin.version, plugin.manifest.runtime
        report.add("starts", f"ready within {time.monotonic() - began:.1f} s, environment included")
        _contracts(plugin, report)
        await _storages(engine, plugin, report)
        await _alive(plugin, report)
        await _stops(engine, plugin, report)
    return report


def _contracts(plugin: Plugin, report: Report) -> None:
    facts = plugin.facts
    assert facts is not None
    ours = {contract.key: contract for contract in declared()}
    for key in facts.provides:
        described = facts.described.get(key)
        if described is None:
            report.add(key, f"{facts.kind} application")
            continue
        host = ours.get(split_key(key)[0])
        contract = host or Contract.parse(described)
        known = "fits the host's" if host else "as the plugin itself says it: --contracts MODULE names the host's"
        report.add(key, known)
        _members(key, contract, facts.constants.get(key, {}), facts.missing.get(key, ()), report)


def _members(key: str, contract: Contract, constants: Any, missing: Iterable[str], report: Report) -> None:
    for name, constant in contract.constants.items():
        value = repr(constants[name])[:60] if name in constants else "the contract's own"
        report.add(f"{key} {name}", f"{constant.shape} = {value}")
    for name, method in contract.methods.items():
        whose = " (not provided: the contract's own body runs)" if name in missing else ""
        report.add(f"{key} {name}", method.signature() + whose)


async def _storages(engine: Engine, plugin: Plugin, report: Report) -> None:
    """Whether each storage that it provides keeps the contract's promises."""
    storage = contract_of(Storage)
    for provider in providers_in(plugin, storage):
        used = engine.use(Storage, provider.name)
        for check in CHECKS:
            what = f"{provider.contract.key} {check.__name__.replace('_', ' ')}"
            try:
                async with asyncio.timeout(CHECK_WITHIN):
                    await check(used)
            except Exception as error:  # noqa: BLE001 (whatever it is, the storage does not do what it should)
                report.add(what, str(error) or type(error).__name__, well=False)
            else:
                report.add(what, "it does")


async def _alive(plugin: Plugin, report: Report) -> None:
    for member in plugin.instances:
        try:
            await member.instance.ping(PING_WITHIN)
        except WeftError as error:
            report.add("answers when idle", f"{error}: something blocks its event loop", well=False)
            return
    report.add("answers when idle", f"a sign of life within {PING_WITHIN:g} s")


async def _stops(engine: Engine, plugin: Plugin, report: Report) -> None:
    groups = [member.pid for member in plugin.instances if member.pid is not None]
    heard = _Heard()
    loggers = logging.getLogger("weft.runtimes")
    loggers.addHandler(heard)
    level = loggers.level
    loggers.setLevel(logging.INFO)
    began = time.monotonic()
    try:
        await engine.unload(plugin.name)
    finally:
        loggers.removeHandler(heard)
        loggers.setLevel(level)
    took = time.monotonic() - began
    if heard.lines:
        report.add("stops", f"{'; '.join(heard.lines)} (stop() must return within {STOP_GRACE:g} s)", well=False)
    else:
        report.add("stops", f"by itself, in {took:.1f} s of the {STOP_GRACE:g} s that it has")
    if groups:
        left = [group for group in groups if await asyncio.to_thread(_lives, group)]
        report.add(
            "leaves no process", f"process group {left} lives on" if left else "its group is empty", well=not left
        )


class _Heard(logging.Handler):
    """What runtimes tell of a stop that did not go as it should: it is nobody's error, and only logged."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "stop" in record.getMessage():
            self.lines.append(record.getMessage())


def _lives(group: int) -> bool:
    """Whether a process of that group runs; where /proc tells, one that has ended and is not reaped does not count."""
    if Path("/proc/self/stat").exists():
        return any(_runs_in(group, stat) for stat in Path("/proc").glob("[0-9]*/stat"))
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _runs_in(group: int, stat: Path) -> bool:
    try:
        state, _parent, its, *_ = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(its) == group and state not in "ZX"
