"""The inline runtime: a plugin's modules in the host's own interpreter, its code on the host's own event loop."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from weft.calls.direct import Direct
from weft.calls.faults import Faults
from weft.contracts.description import Contract
from weft.errors import StartFailed, WeftError
from weft.manifest.entry import folder_entry
from weft.runtimes.inline.channel import InlineChannel
from weft.runtimes.inline.failures import refused, where_it_is
from weft.runtimes.inline.finder import plugin_finder
from weft.runtimes.inline.modules import PluginModules
from weft.runtimes.inline.names import plugin_files
from weft.runtimes.inline.thread import in_thread
from weft.runtimes.launch import Ending, Facts, Launch, Output, Sandbox
from weft.sdk.plugin import HostedPlugin
from weft.sdk.plugin_context import GIVEN

logger = logging.getLogger("weft.runtimes.inline")

_NO_FOLDER = os.devnull
"""No folder is searched by the plugin side: the finder knows where the modules are."""
_LOOK = 0.01
"""Seconds between two looks whether direct calls are still under way."""
_FAILED_GRACE = 2.0
"""Seconds that a plugin has to end what it had begun of a start that failed."""


class InlineRuntime:
    """See runtimes.launch.Runtime.

    ``installed``: the plugins are installed distributions, whose modules are the host's own: imported as the host
    imports them, and left where they are when a plugin stops.
    """

    def __init__(self, *, installed: bool = False) -> None:
        self._installed = installed
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self, launch: Launch, output: Output) -> InlineInstance:  # noqa: ARG002 (what it prints, the host does)
        """See runtimes.launch.Runtime. ``limits.startup`` bounds it, as far as the plugin's code lets the loop run."""
        _check(launch)
        try:
            await asyncio.to_thread(launch.data_dir.mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"the host could not start it: {error}"
            raise StartFailed(message, plugin=launch.name, version=launch.version) from error
        async with self._turns.setdefault(launch.name, asyncio.Lock()):  # sys.modules shows one version at a time
            instance = InlineInstance(launch, owner=None if self._installed else (self, launch.name))
            began = time.monotonic()
            try:
                async with asyncio.timeout(launch.limits.startup):
                    await instance.launch()
            except TimeoutError:
                raise instance.late(time.monotonic() - began) from None
            finally:
                if not instance.ready:
                    await instance.give_up()
        return instance

    async def close(self) -> None:
        """See runtimes.launch.Runtime: nothing is kept."""


class InlineInstance:
    """See runtimes.launch.Instance. ``owner``: whose its modules are; None where they are the host's own."""

    pid = None
    facts: Facts
    channel: InlineChannel

    def __init__(self, launch: Launch, *, owner: tuple[Any, str] | None) -> None:
        self._launch = launch
        self._faults = Faults(launch.name, launch.version)
        self._entry = _entry(launch)
        self._hung: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._plugin = HostedPlugin(self._settings(), use=launch.use, on_hung=self._on_hung, wrappers=True)
        self._modules: PluginModules | None = None
        if owner is not None:
            files = plugin_files(launch.folder, self._entry)
            self._modules = PluginModules(files, owner=owner, who=self._faults.who, given={GIVEN: self._plugin.context})
        self._direct: dict[str, Direct] = {}
        self._stopping = asyncio.Lock()
        self._over = asyncio.Event()
        self.ready = False

    async def launch(self) -> None:
        """Import the plugin, in a thread, and start it, on this loop. Raises StartFailed."""
        self._open()
        failure = await in_thread(self._import, self._thread) or await self._start()
        if failure is not None:
            raise failure
        self.channel = InlineChannel(self._plugin.methods, self._faults, on_fault=self._report)
        self.ready = True

    def _open(self) -> None:
        problems = plugin_finder().open(self._modules) if self._modules is not None else []
        if problems:
            raise self.start_failed("its modules cannot be imported beside the host's:\n  " + "\n  ".join(problems))

    def _import(self) -> StartFailed | None:
        """Runs in a thread: a module may take long to import."""
        module = self._entry.partition(":")[0]
        try:
            if self._modules is not None and self._modules.has(module):
                self._modules.load(module)  # a thread that hangs in it holds no lock of Python's import system
            else:
                importlib.import_module(module)
        except BaseException as error:
            return refused(error, self._faults)
        return None

    async def _start(self) -> StartFailed | None:
        task = asyncio.current_task()
        try:
            self.facts = _facts(await self._plugin.start())
        except asyncio.CancelledError as error:
            if task is None or task.cancelling():
                raise
            return refused(error, self._faults)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            return refused(error, self._faults)
        return None

    @property
    def _thread(self) -> str:
        return f"import {self._faults.who} {id(self):x}"

    def _settings(self) -> dict[str, Any]:
        launch = self._launch
        return {
            "name": launch.name,
            "version": launch.version,
            "folder": _NO_FOLDER,
            "entry": self._entry,
            "provides": list(launch.provides),
            "config": dict(launch.config),
            "data_dir": str(launch.data_dir),
            "threads": launch.limits.threads,
            "contracts": [contract.describe() for contract in launch.contracts],
            "http_services": launch.http_services,
            "call_timeout": launch.limits.call,
        }

    def start_failed(self, message: str, traceback: str = "") -> StartFailed:
        """The error of a start that came to nothing."""
        return StartFailed(message, traceback=traceback, **self._faults.plugin)

    def late(self, waited: float) -> StartFailed:
        """The error of a start that took too long, with the place where an import hangs."""
        remedy = "see below what it waits for, or raise limits.startup"
        where = where_it_is(self._thread)
        return self.start_failed(f"was not ready within {waited:.1f} s (limits.startup): {remedy}", where)

    async def give_up(self) -> None:
        """Take back a start that failed; a thread that still imports is left to itself."""
        if self._modules is not None:
            self._modules.abandon()
        await self._stop_plugin(_FAILED_GRACE)
        self._close()

    def _report(self, error: BaseException) -> None:
        logger.error("%s: an exception in a callback", self._faults.who, exc_info=error)

    def _on_hung(self) -> None:
        if not self._hung.done():
            self._hung.set_result(None)

    # See runtimes.launch.Instance.

    def direct(self, key: str) -> Direct | None:
        """See runtimes.launch.Instance."""
        implementation = self._plugin.implementation(key)
        if implementation is None:
            return None
        if key not in self._direct or self._direct[key].implementation is not implementation:
            checked = self._launch.checked
            self._direct[key] = Direct(implementation, self._faults, self._plugin.threads, checked=checked)
        return self._direct[key]

    def bind(self, contract: Contract) -> None:
        """See runtimes.launch.Instance."""
        try:
            constants = self._plugin.bind(contract.describe())
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            failure = refused(error, self._faults)
        else:
            provides = tuple(dict.fromkeys((*self.facts.provides, contract.key)))
            held = {**self.facts.constants, contract.key: constants}
            self.facts = replace(self.facts, provides=provides, constants=held, missing=self._plugin.missing())
            return
        raise failure

    async def hung(self) -> str:
        """See runtimes.launch.Instance."""
        await asyncio.shield(self._hung)
        threads = self._launch.limits.threads
        return f"all its {threads} threads are stuck in calls past their deadline (limits.threads, limits.call)"

    async def ended(self) -> Ending:
        """See runtimes.launch.Instance."""
        await self._over.wait()
        return Ending(how="was stopped")

    def wind_down(self) -> None:
        """See runtimes.launch.Instance."""
        self._plugin.wind_down()

    async def drained(self) -> None:
        """See runtimes.launch.Instance."""
        await self.channel.drained()
        while any(direct.running for direct in self._direct.values()):  # noqa: ASYNC110 (counted is all they are)
            await asyncio.sleep(_LOOK)

    def fail(self, error: WeftError) -> None:
        """See runtimes.launch.Instance."""
        self.channel.fail(error)

    async def ping(self, timeout: float) -> None:
        """See runtimes.launch.Instance. Whoever can ask is answered: it is the same event loop."""

    async def stop(self, grace: float) -> None:
        """See runtimes.launch.Instance. Its modules leave ``sys.modules``; code that still runs goes on."""
        async with self._stopping:
            if self._over.is_set():
                return
            try:
                await self._stop_plugin(grace)
            finally:
                await self.channel.close()
                self._close()
                self._name_what_runs()

    def _name_what_runs(self) -> None:
        """Nobody can end a thread: what goes on keeps its memory, and the host should know."""
        left = self._plugin.still_running()
        if left:
            message = (
                f"{self._launch.name} is unloaded, and what it was doing goes on in this process: {'; '.join(left)}"
            )
            self._launch.report("left_running", message, left=list(left))

    async def _stop_plugin(self, grace: float) -> None:
        stopping = asyncio.create_task(self._stopped())
        try:
            await asyncio.wait([stopping], timeout=grace)
        finally:
            if not stopping.done():
                logger.info("%s did not stop within %g s", self._faults.who, grace)
                stopping.cancel()

    async def _stopped(self) -> None:
        try:
            await self._plugin.stop()
        except (Exception, SystemExit, KeyboardInterrupt):  # the last two would end the host's event loop
            logger.exception("%s did not stop as it should", self._faults.who)

    def _close(self) -> None:
        if self._modules is not None:
            plugin_finder().close(self._modules)
        self._over.set()

    @property
    def sandbox(self) -> Sandbox:
        """See runtimes.launch.Instance."""
        return Sandbox()

    def usage(self) -> Mapping[str, float]:
        """See runtimes.launch.Instance. What a part of a process uses, nobody can tell."""
        return {}


def _check(launch: Launch) -> None:
    remedy = 'give it a process of its own (runtime = "process")'
    refusal = ""
    if launch.variables:
        refusal = (
            f"environment variables ({', '.join(sorted(launch.variables))}) cannot be set for an inline plugin, which "
            f"shares the host's: hand them over in config, or {remedy}"
        )
    if launch.sandbox == "required":
        refusal = f"the sandbox is required, and an inline plugin can have none: {remedy}"
    if refusal:
        raise StartFailed(refusal, plugin=launch.name, version=launch.version)


def _entry(launch: Launch) -> str:
    """``module`` or ``module:attribute``."""
    folder: Path = launch.folder
    entry = launch.entry or (folder.stem if folder.is_file() else folder_entry(folder))
    if entry is None:
        raise StartFailed(
            f'there is not exactly one top-level module in {folder}: name one with entry = "MODULE"',
            plugin=launch.name,
            version=launch.version,
        )
    return entry


def _facts(answer: Mapping[str, Any]) -> Facts:
    entry, provides = answer["entry"], tuple(answer["provides"])
    described, constants, missing = answer["described"], answer["constants"], answer["missing"]
    return Facts(entry, provides, answer["kind"], answer["name"], described, constants, missing, answer["about"])
