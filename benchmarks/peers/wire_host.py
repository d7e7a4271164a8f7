"""The bare wire: Weft's channel to a process that answers at once, with no contract, no engine and no sandbox.

What a typed call costs more than this is what types, checks, deadlines, tasks and the proxy cost. With an argument it
is the other side.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from typing import Any

import uvloop

from loops import serve
from weft.calls.channel import Consumer, Methods, Reply, Request
from weft.calls.faults import Faults
from weft.calls.wired import WiredChannel

START = 20.0


class Nothing:
    """The consumer of a call without items."""

    def on_item(self, item: Any, size: int) -> None: ...

    def on_end(self) -> None: ...

    def on_credit(self) -> None: ...

    def on_cancel(self) -> None: ...


NOTHING = Nothing()


def echo(request: Request, reply: Reply) -> Consumer:
    reply.result(request.args[0])
    return NOTHING


async def connect(wire: socket.socket, methods: Methods, first_id: int) -> tuple[WiredChannel, asyncio.Event]:
    """A channel that has greeted the other side, and what is set once it is over."""
    lost = asyncio.Event()
    channel = WiredChannel(methods, Faults("peer"), first_id=first_id, on_fault=print, on_lost=lambda _: lost.set())
    wire.setblocking(False)
    await asyncio.get_running_loop().create_connection(lambda: channel.connection, sock=wire)
    await channel.greet(START)
    return channel, lost


async def plugin(descriptor: int) -> None:
    _, lost = await connect(socket.socket(fileno=descriptor), {"echo": echo}, 2)
    await lost.wait()


async def main() -> None:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()])  # noqa: ASYNC220
    theirs.close()
    channel, _ = await connect(ours, {}, 1)
    await serve(lambda data: channel.call("echo", (data,)))
    await channel.close()
    await asyncio.to_thread(process.wait, START)


if __name__ == "__main__":
    uvloop.run(plugin(int(sys.argv[1])) if sys.argv[1:] else main())
