"""The plugin's side of a process: one event loop, one wire, the plugin."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from typing import Any, Callable, Optional

from weft.calls.channel import Consumer, Reply, Request
from weft.calls.faults import Faults
from weft.calls.once import Once, Unattended
from weft.calls.wired import WiredChannel
from weft.sdk import output
from weft.sdk.plugin import HostedPlugin
from weft.sdk.plugin_context import enter

HELLO_TIMEOUT = 30.0
"""Seconds."""


def main(descriptor: int, *_helpers: str) -> None:
    """Serve the host on that socket until it says stop, or is gone."""
    serve(descriptor, new_loop)


def serve(descriptor: int, make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """The same, in an event loop of that make."""
    output.install()
    wire = socket.socket(fileno=descriptor)
    os.set_inheritable(descriptor, False)
    sys.dont_write_bytecode = True  # what is imported from here on is the plugin's, whose folders stay as they are
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host decides when a plugin ends
    _run(make_loop(), lambda: Process().serve(wire))
    output.flush()
    os._exit(0)  # threads that the plugin left behind do not hold up the end


def _run(loop: asyncio.AbstractEventLoop, begin: Callable[[], Any]) -> None:
    asyncio.set_event_loop(loop)  # first: on Python 3.9 an event belongs to the loop that is set when it is made
    loop.run_until_complete(begin())


def new_loop() -> asyncio.AbstractEventLoop:
    """An event loop: uvloop's, where it is found."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class Process:
    """One plugin process: offers ``weft.start`` and ``weft.stop``, and after the start what the plugin provides."""

    def __init__(self) -> None:
        self._methods: dict[str, Any] = {
            "weft.start": self._on_start,
            "weft.bind": self._on_bind,
            "weft.wind_down": self._on_wind_down,
            "weft.stop": self._on_stop,
        }
        self._plugin: Optional[HostedPlugin] = None
        self._channel: Optional[WiredChannel] = None
        self._peers: Any = None
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, wire: socket.socket) -> None:
        """Returns when the host has stopped this plugin."""
        loop = asyncio.get_running_loop()
        channel = WiredChannel(
            self._methods, Faults("host", relays=True), first_id=2, on_fault=_report, on_lost=self._on_lost
        )
        self._channel = channel
        wire.setblocking(False)
        await loop.create_connection(lambda: channel.connection, sock=wire)
        await channel.greet(HELLO_TIMEOUT)
        await self._over.wait()
        await channel.close()

    def _on_lost(self, _error: Optional[Exception]) -> None:
        self._over.set()

    def _on_start(self, request: Request, reply: Reply) -> Consumer:
        return self._spawn(self._start(request.args[0]), reply)

    def _on_bind(self, request: Request, reply: Reply) -> Consumer:
        assert self._plugin is not None
        constants = self._plugin.bind(request.args[0])  # at once: the calls that follow rely on it
        self._methods.update(self._plugin.methods)
        reply.result(constants)
        return Unattended()

    def _on_wind_down(self, _request: Request, reply: Reply) -> Consumer:
        if self._plugin is not None:
            self._plugin.wind_down()
        reply.result(None)
        return Unattended()

    def _on_stop(self, _request: Request, reply: Reply) -> Consumer:
        return self._spawn(self._stop(), reply, last=True)

    async def _start(self, settings: dict[str, Any]) -> dict[str, Any]:
        self._plugin = HostedPlugin(settings, use=self._use, on_hung=self._on_hung)
        enter(self._plugin.context)
        if "WEFT_DEBUGGER" in os.environ:
            from weft.sdk.debugging import wait_for_debugger

            wait_for_debugger(settings["name"], settings["folder"])
        facts = await self._plugin.start()
        self._methods.update(self._plugin.methods)
        gc.collect()
        gc.freeze()  # what a start leaves is there to stay: no later collection need look at it
        return facts

    def _use(self, contract: Any, name: Optional[str]) -> Any:
        if self._peers is None:
            from weft.sdk.peers import Peers

            assert self._channel is not None
            self._peers = Peers(self._channel)
        return self._peers.use(contract, name)

    def _on_hung(self) -> None:
        """Every thread is stuck: the host is told, and decides."""
        assert self._channel is not None
        self._channel.open("weft.hung", [], Once())

    async def _stop(self) -> None:
        if self._plugin is not None:
            await self._plugin.stop()

    def _spawn(self, coroutine: Any, reply: Reply, *, last: bool = False) -> Consumer:
        task = asyncio.get_running_loop().create_task(self._answer(coroutine, reply, last=last))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Unattended()

    async def _answer(self, coroutine: Any, reply: Reply, *, last: bool) -> None:
        try:
            reply.result(await coroutine)
        except Exception as error:
            reply.error(error)
        except SystemExit as error:
            reply.error(RuntimeError(f"the plugin called sys.exit({error.code!r}) while it started"))
        if last:
            self._over.set()


def _report(error: BaseException) -> None:
    import logging

    logging.getLogger("weft").error("an exception in a callback", exc_info=error)
