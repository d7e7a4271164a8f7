"""The process runtime: a socket pair, a child on its other end, hello, start."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from weft.calls.channel import Consumer, Reply, Request
from weft.calls.faults import Faults
from weft.calls.once import Once, Unattended
from weft.calls.wired import WiredChannel
from weft.contracts.description import Contract
from weft.contracts.implementation import compare
from weft.contracts.mismatch import show
from weft.contracts.names import split_key
from weft.errors import (
    ContractError,
    ContractMismatch,
    DeadlineExceeded,
    InstanceLost,
    PluginError,
    ProtocolError,
    StartFailed,
    WeftError,
)
from weft.manifest.rules import Invalid, each, text
from weft.packages.builds import Builder
from weft.runtimes.launch import Ending, Facts, Launch, Output, Sandbox
from weft.runtimes.process.builder import ConfinedBuilder
from weft.runtimes.process.child import Child, ending_of
from weft.runtimes.process.holding import Hold, Holding
from weft.runtimes.process.spawner import Spawner
from weft.runtimes.process.usage import process_usage
from weft.sandbox.level import lacking, level
from weft.sandbox.limits import LimitHit
from weft.settings import SandboxMode

logger = logging.getLogger("weft.runtimes.process")

_LAST_WORDS = 0.05
"""Seconds in which what an ended process wrote is still read."""
_WEB = "web@1"
"""The contract that is described nowhere but in its own module."""
_ABOUT = {"title": text, "version": text, "authors": each(text), "homepage": text}
"""What a plugin may say of itself, and how it is checked."""
_REMEDIES = {"ModuleNotFoundError": " (name the package that has it among the plugin's dependencies)"}
"""What to do about an exception that a start was refused with, by its type."""
_EXIT_GRACE = 2.0
"""Seconds that a process has to end once its plugin has stopped."""


class ProcessRuntime:
    """See runtimes.launch.Runtime."""

    def __init__(self) -> None:
        self._holding = Holding()
        self._spawner = Spawner(self._holding)

    async def start(self, launch: Launch, output: Output) -> ProcessInstance:
        """See runtimes.launch.Runtime. ``limits.startup`` bounds it all."""
        instance = ProcessInstance(launch, self._spawner, self._holding)
        began = time.monotonic()
        try:
            await asyncio.to_thread(launch.data_dir.mkdir, mode=0o700, parents=True, exist_ok=True)
            async with asyncio.timeout(launch.limits.startup):
                await instance.launch(output)
        except TimeoutError:
            waited = time.monotonic() - began
            remedy = "see below what it waits for, or raise limits.startup"
            raise instance.start_failed(f"was not ready within {waited:.1f} s (limits.startup): {remedy}") from None
        except OSError as error:
            raise instance.start_failed(f"the host could not start it: {error}") from error
        finally:
            if not instance.ready:
                await instance.kill()
        return instance

    def builder(self, sandbox: SandboxMode) -> Builder:
        """What builds packages confined as plugins are; ``required``: or not at all."""
        return ConfinedBuilder(self._spawner, self._holding, sandbox)

    async def close(self) -> None:
        """See runtimes.launch.Runtime."""
        await self._holding.close()


class ProcessInstance:
    """See runtimes.launch.Instance."""

    facts: Facts

    def __init__(self, launch: Launch, spawner: Spawner, holding: Holding) -> None:
        self._launch = launch
        self._spawner = spawner
        self._holding = holding
        self._hold: Hold | None = None
        self.sandbox = Sandbox()
        self._faults = Faults(launch.name, launch.version)
        self._child: Child | None = None
        self._end: asyncio.Task[None] | None = None
        self._stopping = asyncio.Lock()
        self._fault: ProtocolError | None = None
        self.ready = False
        self._hung: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        methods = {**launch.peers, "weft.hung": self._on_hung}
        self.channel = WiredChannel(methods, self._faults, first_id=1, on_fault=self._report, on_lost=self._on_lost)

    async def launch(self, output: Output) -> None:
        """Start the process and the plugin in it. Raises StartFailed."""
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: self.channel.connection, sock=ours)
            child = await self._spawn(theirs.fileno(), output)
        self.sandbox = self._reached(child.report)
        try:
            await self.channel.greet(self._launch.limits.startup)
            answer = await self.channel.call("weft.start", [self._settings()])
            self.facts = _facts(answer, self._launch.contracts)
        except (InstanceLost, DeadlineExceeded) as error:
            raise await self._lost_at_start(error) from error
        except ContractMismatch:
            raise
        except PluginError as error:
            raise self._refused(error) from error
        except WeftError as error:
            raise self.start_failed(str(error)) from error
        self.ready = True

    async def _spawn(self, wire: int, output: Output) -> Child:
        try:
            child = await self._spawner.spawn(self._launch, wire, output, self._on_refused, self._bound)
            self._child, self._end = child, asyncio.create_task(self._let_go(child))  # ours before we wait again
            return child
        except OSError as error:
            raise self.start_failed(f"its process cannot be started: {error}") from error

    async def _bound(self) -> Hold:
        """The limits that its process is to enter before any code of the plugin runs in it."""
        if self._hold is not None:  # of a first attempt, whose zygote ended
            await self._holding.let_go(self._hold)
        self._hold = await self._holding.hold(self._launch, self._on_hit)
        return self._hold

    @property
    def pid(self) -> int:
        """See runtimes.launch.Instance."""
        assert self._hold is not None
        return self._hold.pid

    def _reached(self, report: Mapping[str, str]) -> Sandbox:
        """What the sandbox came to. Raises StartFailed where all of it is required and not there."""
        assert self._hold is not None
        details = {**report, **self._holding.report(self._hold)}
        if self._launch.sandbox == "required" and (missing := lacking(details)):
            listed = "".join(f"\n  {each}" for each in missing)
            raise self.start_failed(
                f"the sandbox is required, and this machine does not enforce all of it:{listed}\n"
                'see `weft doctor` for what would, or let it do what it can (sandbox = "best-effort")'
            )
        return Sandbox(level(details), details)

    def _on_hit(self, hit: LimitHit) -> None:
        """One past a limit that nobody else holds it to is ended; the others are told."""
        self._launch.report("limit", f"{self._launch.name} {hit}", limit=hit.limit, setting=hit.setting, pid=self.pid)
        if hit.ends and self._child is not None:
            self._child.kill()

    async def _let_go(self, child: Child) -> None:
        """Once the process has ended: what it wrote last is still read, then nothing of it is held any more."""
        await child.finished(_LAST_WORDS)
        if self._hold is not None:
            await self._holding.let_go(self._hold)
        self.channel.abort()
        await self._spawner.release(child)

    def _on_refused(self, calls: Mapping[str, int]) -> None:
        told = ", ".join(f"{name} ({times})" for name, times in calls.items())
        message = f"{self._launch.name} was refused what no plugin may do: {told}"
        self._launch.report("refused", message, calls=dict(calls), pid=self.pid)

    def _settings(self) -> dict[str, Any]:
        launch = self._launch
        return {
            "name": launch.name,
            "version": launch.version,
            "folder": str(launch.folder),
            "entry": launch.entry,
            "provides": list(launch.provides),
            "config": dict(launch.config),
            "data_dir": str(launch.data_dir),
            "threads": launch.limits.threads,
            "contracts": [contract.describe() for contract in launch.contracts],
            "http_services": launch.http_services,
            "call_timeout": launch.limits.call,
        }

    async def _lost_at_start(self, error: WeftError) -> StartFailed:
        assert self._child is not None
        if isinstance(error, DeadlineExceeded):
            return self.start_failed(str(error))
        code = await self._exit_code()
        how = "closed its wire" if code is None else ending_of(code)
        return self.start_failed(f"{how} before it was ready")

    async def _exit_code(self) -> int | None:
        assert self._child is not None
        try:
            async with asyncio.timeout(_EXIT_GRACE):
                code = await asyncio.shield(self._child.exited)
        except TimeoutError:
            return None
        await asyncio.sleep(_LAST_WORDS)
        return code

    def _refused(self, error: PluginError) -> StartFailed:
        remedy = _REMEDIES.get(error.type_name, "")
        return StartFailed(
            error.message + remedy, type_name=error.type_name, traceback=error.traceback, **self._faults.plugin
        )

    def start_failed(self, message: str) -> StartFailed:
        """The error of a start that came to nothing, with what the process wrote."""
        tail = self._child.tail if self._child is not None else ""
        return StartFailed(message, traceback=tail, **self._faults.plugin)

    def _on_hung(self, _request: Request, reply: Reply) -> Consumer:
        if not self._hung.done():
            self._hung.set_result(None)
        reply.result(None)
        return Unattended()

    def _report(self, error: BaseException) -> None:
        logger.error("%s: an exception in a callback", self._faults.who, exc_info=error)

    def _on_lost(self, error: Exception | None) -> None:
        # A plugin that broke the protocol, or closed its end, can serve nobody: its process ends with the wire.
        self._fault = error if isinstance(error, ProtocolError) else None
        if self._child is not None and (self._fault is not None or not self._stopping.locked()):
            self._child.kill()

    # See runtimes.launch.Instance.

    def direct(self, _key: str) -> None:
        """See runtimes.launch.Instance: everything goes by the channel."""

    def bind(self, contract: Contract) -> None:
        """See runtimes.launch.Instance. It learns of it before the next call, on the same wire."""
        own = Contract.parse(self.facts.described[contract.key])
        problems = compare(replace(contract, constants={}), own)
        if any(name not in self.facts.constants.get(contract.key, {}) for name in contract.constants):
            problems.append("its constants are asked when it starts: give the contract to Engine(contracts=…)")
        if problems:
            listed = "".join(f"\n  {problem}" for problem in problems)
            raise ContractMismatch(f"it does not provide {contract.key}:{listed}", **self._faults.plugin)
        missing = tuple(name for name in contract.methods if name not in own.methods)
        self.facts = replace(self.facts, missing={**self.facts.missing, contract.key: missing})
        self.channel.open("weft.bind", [contract.describe()], Once())

    async def hung(self) -> str:
        """See runtimes.launch.Instance."""
        await asyncio.shield(self._hung)
        threads = self._launch.limits.threads
        return f"all its {threads} threads are stuck in calls past their deadline (limits.threads, limits.call)"

    async def ended(self) -> Ending:
        """See runtimes.launch.Instance. What it wrote last is in it."""
        assert self._child is not None
        assert self._end is not None
        await asyncio.shield(self._end)
        exceeded, peak = (self._hold.exceeded, self._hold.peak) if self._hold is not None else (None, None)
        ending = replace(
            ending_of(self._child.exited.result(), self._child.tail),
            limit=exceeded,
            peak_memory=peak or self._child.peak_memory,
        )
        return ending if self._fault is None else replace(ending, how=self._fault.message, code=None, signal=None)

    def wind_down(self) -> None:
        """See runtimes.launch.Instance."""
        if not self.channel.closed:
            self.channel.open("weft.wind_down", [], Once())

    async def drained(self) -> None:
        """See runtimes.launch.Instance."""
        await self.channel.drained()

    def fail(self, error: WeftError) -> None:
        """See runtimes.launch.Instance."""
        self.channel.fail(error)

    async def ping(self, timeout: float) -> None:
        """See runtimes.launch.Instance."""
        await self.channel.ping(timeout)

    async def stop(self, grace: float) -> None:
        """See runtimes.launch.Instance."""
        async with self._stopping:
            if self._child is None or self._child.exited.done():
                await self.kill()
                return
            try:
                await self.channel.call("weft.stop", timeout=grace)
                async with asyncio.timeout(_EXIT_GRACE):
                    await asyncio.shield(self._child.exited)
            except (WeftError, TimeoutError) as error:
                logger.info("%s did not stop by itself: %s", self._faults.who, error)
            finally:
                await self.kill()

    async def kill(self) -> None:
        """End the process at once, with all that it started, and wait for its end."""
        if self._child is not None:
            self._child.kill()
        if self._end is not None:
            await asyncio.shield(self._end)
        elif self._hold is not None:  # it was held, and did not come to run
            await self._holding.let_go(self._hold)
        await self.channel.close()

    def usage(self) -> Mapping[str, float]:
        """See runtimes.launch.Instance."""
        assert self._child is not None
        if self._child.exited.done():
            return {}
        used = process_usage(self.pid)
        peak = self._hold.used_most() if self._hold is not None else None
        if peak is not None:  # what an instance shares with its zygote is charged to that
            used["peak_memory"] = max(float(peak), used.get("memory", 0.0))
        return used


def _facts(answer: Any, known: Iterable[Contract]) -> Facts:
    """What a plugin answered to its start, looked at before anything relies on it. Raises ProtocolError."""
    try:
        provides = tuple(str(each) for each in answer["provides"])
        described = {key: answer["described"][key] for key in provides if key != _WEB}
        constants = {key: _named(answer["constants"][key]) for key in described}
        missing = {key: tuple(map(str, answer["missing"][key])) for key in described}
        for each in described.values():
            Contract.parse(each)
        entry, kind, name = str(answer["entry"]), str(answer["kind"]), str(answer["name"])
        about = _about(_named(answer["about"]))
    except (TypeError, KeyError, AttributeError, ValueError, ContractError) as error:
        raise ProtocolError(f"answered the start with {show(answer)}") from error
    contracts = {contract.key: contract for contract in known}
    for key, lacked in missing.items():
        contract = contracts.get(split_key(key)[0])
        wrong = [each for each in lacked if contract is not None and not _may_lack(contract, each)]
        if wrong:
            raise ProtocolError(f"says that it lacks {', '.join(wrong)} of {key}, which it may not")
    return Facts(entry, provides, kind, name, described, constants, missing, about)


def _named(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise TypeError
    return values


def _about(told: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    """By the rules of a manifest's texts, since they take the place of those. Raises ProtocolError."""
    about = {}
    for key, rule in _ABOUT.items():
        try:
            if key in told:
                about[key] = rule(told[key])
        except Invalid as error:
            raise ProtocolError(f"says of itself what no manifest may: {key} {error}") from error
    return about


def _may_lack(contract: Contract, name: str) -> bool:
    return name in contract.methods and contract.methods[name].optional
