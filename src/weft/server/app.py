"""The server: everything composed, started in order, and ended in the reverse order."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self

import structlog
from fastapi import FastAPI

from weft.engine import Engine
from weft.errors import StorageFailed, UsageError
from weft.packages.contents import ContentStore
from weft.server import control
from weft.server.attempts import Outcome
from weft.server.descriptors import raise_limit, within_limit
from weft.server.domains import Claims
from weft.server.figures import Figures
from weft.server.fleet import Fleet
from weft.server.front.access_log import line
from weft.server.front.front import Front
from weft.server.front.traffic import Access, Traffic
from weft.server.journal import Journal
from weft.server.loading import Loader, failed
from weft.server.logs import Logs
from weft.server.management.api import build_management
from weft.server.management.metrics import PluginSample, Sample
from weft.server.management.orphans import adopting
from weft.server.management.service import ManagementService
from weft.server.operator import Operator
from weft.server.router import Router
from weft.server.rpc.serving import Served, serving
from weft.server.signals import Stopping
from weft.server.state import StateFolder, Store
from weft.server.status import PluginStatus, missing_protections
from weft.server.trials import Trials
from weft.settings import ServerSettings
from weft.types import OutputLine, Progress

DRAIN = 30.0
"""Seconds that requests under way have when the server ends."""
CHANGES_GRACE = 10.0
"""Seconds that a deployment under way has when the server ends."""

END_GRACE = 1.0
"""Seconds that a plugin under a debugger has to stop when the server ends."""
ENVIRONMENT_IDLE = 30 * 24 * 3600.0
"""Seconds for which an environment that nothing uses is kept: a roll-back then needs no network."""

_log = structlog.get_logger("weft.server")
_access = structlog.get_logger("weft.access")


class Server:
    """One server on one STATE. An asynchronous context manager: within it, it listens; ``load`` brings the plugins.

    For authors: ``output(plugin, line)`` is told what plugins print, calls of inline plugins are ``checked``, and
    plugins wait for a debugger where ``debug`` says in which folder they are edited.
    """

    def __init__(
        self,
        settings: ServerSettings,
        *,
        output: Callable[[str, OutputLine], None] = lambda _plugin, _line: None,
        checked: bool = False,
        debug: Path | None = None,
    ) -> None:
        self.settings = settings
        self.state = StateFolder(settings.state)
        self.store = Store(self.state.database)
        self.logs = Logs(self.state.logs, bytes_each=settings.log_bytes)
        self.journal = Journal(self.store)
        tell = partial(self._printed, output)
        self.engine = Engine(
            self.state.path,
            contracts=(),  # it has none of its own
            output=tell,
            checked=checked,
            sandbox=settings.sandbox,
            builds=settings.builds,
            supervision=settings.supervision,
            sockets=[self.state.control_socket],
        )
        self.router = Router(settings.management.domains)
        contents = ContentStore(self.state.contents)
        claims = Claims(settings.management.domains)
        self.fleet = Fleet(self.engine, self.router, contents, claims, self.state.path / "data", debug=debug)
        self.operator = Operator(settings, self.state, self.store, self.fleet, self.journal, self.logs)
        self.trials = Trials(self.fleet, self.store, self.operator)
        self.loader = Loader(settings, self.store, self.fleet, self.operator, self.journal)
        self.figures = Figures(self.engine.plugins, self._traffic)
        self.port = settings.port
        self.rpc = Served(None, "not yet served")
        self.ready = False
        self._debugging = debug is not None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Lock STATE, open what is stored, listen. Raises Conflict, StorageFailed, UsageError."""
        async with AsyncExitStack() as stack:
            await asyncio.to_thread(self.state.open)
            stack.callback(self.state.close)
            await asyncio.to_thread(self.store.open)
            stack.callback(self.store.close)
            await stack.enter_async_context(self._written())
            await stack.enter_async_context(self.engine)
            stack.push_async_callback(self._end_changes)
            stack.push_async_callback(self.trials.close)
            stack.push_async_callback(self.loader.close)
            await stack.enter_async_context(self._listening())
            self.rpc = await stack.enter_async_context(self._serving_rpc())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Drain and stop everything; what is only being prepared is given up first, and its clients told."""
        self.ready = False
        self.operator.give_up()
        if self._debugging:
            await self._end_debugged()
        await self._stack.aclose()

    async def _end_changes(self) -> None:
        """What is under way may finish, unless a debugger may have stopped it, or the server is to end at once."""
        task = asyncio.current_task()
        at_once = self._debugging or (task is not None and task.cancelling() > 0)
        await self.operator.close(0.0 if at_once else CHANGES_GRACE)

    async def _end_debugged(self) -> None:
        """What a debugger has stopped finishes nothing any more."""
        members = [
            member for plugin in self.engine.plugins.values() for member in (*plugin.draining, *plugin.instances)
        ]
        await asyncio.gather(*(member.instance.stop(END_GRACE) for member in members))

    def _printed(self, output: Callable[[str, OutputLine], None], plugin: str, line: OutputLine) -> None:
        self.logs.accept(plugin, line)
        output(plugin, line)

    @asynccontextmanager
    async def _written(self) -> AsyncIterator[None]:
        """Logs and events reach the disk meanwhile, and to the last at the end."""
        await self.journal.open()
        self.engine.listen(self.journal.accept)
        self.engine.listen(self.trials.accept)
        writers = [asyncio.create_task(self.journal.run()), asyncio.create_task(self.logs.run())]
        try:
            yield
        finally:
            for task in writers:
                task.cancel()
            await asyncio.gather(*writers, return_exceptions=True)
            await self.journal.flush()
            await self.logs.flush()

    # --- the front and management -----------------------------------------------------------------------------------

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        token = await asyncio.to_thread(self.state.token)
        management = ManagementService(self._management(token))
        front = self._front = Front(
            within_limit(self.settings.http),
            self.router,
            management=management,
            management_domains=self.settings.management.domains,
            access=_write_access,
        )
        self.engine.listen(self.figures.accept)
        counting = asyncio.create_task(self.figures.run())
        try:
            await self._bind(front)
            yield
        finally:
            counting.cancel()
            await asyncio.gather(counting, return_exceptions=True)
            management.drain()
            await front.drain(DRAIN)
            await front.close()
            await management.close()
            await asyncio.to_thread(self.state.control_socket.unlink, missing_ok=True)

    async def _bind(self, front: Front) -> None:
        host, port = self.settings.host, self.settings.port
        try:
            _, self.port = await front.start(host, port)
        except ssl.SSLError as error:
            raise UsageError(f"http.tls_certificate and http.tls_key cannot be used: {error}") from error
        except OSError as error:
            raise UsageError(f"cannot listen on {host} port {port}: {_reason(error)}") from error
        path = self.state.control_socket
        await asyncio.to_thread(control.clear, path)
        try:
            with control.bindable(path) as short:
                await front.start_unix(short)
        except OSError as error:
            raise StorageFailed(f"cannot make the control socket {path}: {error.strerror}") from error

    def _management(self, token: str) -> FastAPI:
        return build_management(
            self.operator,
            self.settings,
            token=token,
            managers=self._managers,
            figures=self.figures,
            sample=self._sample,
            is_ready=lambda: self.ready,
            url=self.url,
        )

    def _serving_rpc(self) -> AbstractAsyncContextManager[Served]:
        return serving(self.settings, self.operator, self.state.uploads, self._managers, grace=CHANGES_GRACE)

    def _managers(self) -> list[int]:
        plugins = [each for each in self.engine.plugins.values() if each.manifest.permissions.manage]
        return [member.pid for each in plugins for member in each.instances if member.pid is not None]

    def _sample(self) -> Sample:
        return Sample(connections=len(self._front.connections), plugins=tuple(map(self._one, self.operator.plugins())))

    def _one(self, status: PluginStatus) -> PluginSample:
        traffic = self._traffic(status.name) or Traffic(status.name)
        return PluginSample(
            name=status.name,
            state=status.state,
            release=status.release,
            figures=self.figures.of(status.name),
            answered=tuple(traffic.answered),
            latency=tuple(traffic.latency),
            seconds=traffic.seconds,
            bytes_in=traffic.bytes_in,
            bytes_out=traffic.bytes_out,
        )

    def _traffic(self, name: str) -> Traffic | None:
        return self._front.traffic.get(name)

    def url(self, domain: str) -> str:
        """Where this server serves a domain."""
        scheme, usual = ("https", 443) if self.settings.http.tls_certificate else ("http", 80)
        return f"{scheme}://{domain}" + ("" if self.port == usual else f":{self.port}")

    # --- plugins ----------------------------------------------------------------------------------------------------

    async def load(self, preload: Sequence[Path], say: Progress) -> None:
        """Load the named plugins, then bring back the deployed ones. Under ``strict`` the first failure is raised."""
        say(_row("management", self.url(self.settings.management.domains[0])))
        say(_row("rpc", self.rpc.told))
        await self.operator.upkeep.clear_up()
        async for outcome in self.loader.preload(preload, say):
            self._announce(outcome, say)
            self._check_strictly()
        async for outcome in self.loader.restore(say):
            self._announce(outcome, say)
        async for outcome in self.loader.settle(say):
            self._announce(outcome, say)
            self._check_strictly()
        if removed := await self.engine.collect(idle=ENVIRONMENT_IDLE):
            _log.info("environments that nothing used for long are removed", environments=removed)
        gc.collect()
        gc.freeze()  # what the start leaves is there to stay: a collection under load need not walk through it
        self.ready = True
        say("ready")

    def _check_strictly(self) -> None:
        if self.settings.strict and self.loader.failures:
            raise self.loader.failures[0]

    def _announce(self, outcome: Outcome, say: Progress) -> None:
        what, error = outcome
        if error is not None:
            say(failed(what, error))
            return
        status = self.operator.status(what)
        serves = [*map(self.url, status.domains)] or status.provides
        say(_row(f"{status.name} {status.version}", *serves))
        plugin = self.fleet.plugin(status.name)
        for text in missing_protections(plugin) if plugin else ():
            say(f"note: {status.name} is not kept from all that it may not touch: {text}")


def _reason(error: OSError) -> str:
    """Why a port cannot be had. asyncio's own text names the address once more."""
    if error.errno == errno.EADDRINUSE:
        return "another program listens there; end it, or choose another --port"
    number = error.errno or 0  # below 0 for a name that is not found
    return f"{os.strerror(number) if number > 0 else error.strerror}; choose another --host or --port"


def _row(what: str, *serves: str) -> str:
    """``shop 1.2.0            http://shop.localhost:3000``; a plugin without pages has its contracts there."""
    return "  ".join((f"{what:<20}", *serves))


def _write_access(records: Sequence[Access]) -> None:
    for record in records:
        _access.info(line(record))


async def serve(settings: ServerSettings, preload: Sequence[Path], *, say: Progress) -> None:
    """Run a server until SIGTERM or SIGINT, then drain; a second signal ends it at once.

    ``say`` is told each line for the operator: progress, one line per plugin with its URL, then ``ready``. Raises what
    keeps the server from starting, and with ``strict`` the error of a plugin that could not be loaded.
    """
    raise_limit()
    with Stopping() as stopping:
        async with adopting(), Server(settings) as server:
            await stopping.or_done(server.load(preload, say))
            await stopping.wait()
            say("stopping: requests under way are finished; once more to stop at once")
    _log.info("stopped")
