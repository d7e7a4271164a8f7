"""What a zygote does once itself, so that those that it forks find it done.

Where a function runs for the first time, or an attribute is looked up, the interpreter writes to the code, to its
caches and to what these refer to. In a process that was forked, each of these writes costs a page of its own.
"""

from __future__ import annotations

import asyncio
import gc
import os
import select
import socket
import sys
from typing import Any, Dict, List

from weft.sandbox.namespaces import Births
from weft.zygote.keeper import Keeper
from weft.zygote.signs import Signs

_TIMES = 3
_PATIENCE = 5.0
"""Seconds; it takes milliseconds."""
_SETTINGS: Dict[str, Any] = {
    "name": "weft",
    "version": "0",
    "folder": "",
    "entry": f"{__name__}:application",
    "provides": [],
    "config": {},
    "data_dir": "",
    "threads": 1,
}
_POOL = 1 << 14
"""Bytes in which Python keeps objects of one size, up to 512 bytes, in steps of 16."""
_MOST_GAPS = 4000
"""For each size."""


def rehearse(signs: Signs, births: Births, *, plugin: bool) -> None:
    """Do what a zygote, a keeper and, with ``plugin``, a plugin's process do, and undo it."""
    forget_lookups()
    for _ in range(_TIMES):
        _fork(births)
        _keep(signs)
        if plugin:
            _start()
    gc.unfreeze()  # what a plugin's start froze


def forget_lookups() -> None:
    """Forget which attribute was found in which type: who replaces that writes to names that it never uses."""
    forget = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache  # noqa: SLF001 - there is no other
    forget()


def _fork(births: Births) -> None:
    child = births.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _keep(signs: Signs) -> None:
    (host, far), (ours, theirs) = socket.socketpair(), socket.socketpair()
    with host, far, theirs:
        waiting = signs.poll()
        keeper = Keeper(host.fileno(), signs, -1, ours)
        waiting.register(host.fileno(), select.POLLRDHUP)
        waiting.register(ours.fileno(), select.POLLIN)
        socket.send_fds(theirs, [b"-"], [far.fileno()])
        for descriptor, _ in waiting.poll(_PATIENCE):
            keeper.heed(descriptor, waiting)
        keeper.reap()
        os.close(keeper.listener)


def _start() -> None:
    # Not in a loop of uvloop's, which would leave descriptors to each fork.
    loop = asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(_serve())
    finally:
        loop.close()
        asyncio.set_event_loop(None)


async def _serve() -> None:
    from weft.calls.faults import Faults
    from weft.calls.wired import WiredChannel
    from weft.sdk.plugin_context import enter
    from weft.sdk.process import Process

    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    host = WiredChannel({}, Faults("weft", "0"), first_id=1, on_fault=_raise, on_lost=_ignore)
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: host.connection, sock=ours)
    process = loop.create_task(Process().serve(theirs))
    await host.greet(_PATIENCE)
    await host.call("weft.start", [_SETTINGS], timeout=_PATIENCE)
    await host.call("weft.stop", timeout=_PATIENCE)
    await process
    await host.close()
    enter(None)


async def application(_scope: Any, _receive: Any, _send: Any) -> None:
    """The plugin of a rehearsal."""
    raise NotImplementedError


def _raise(error: BaseException) -> None:
    raise error


def _ignore(_error: Any) -> None:
    """The end of a rehearsal."""


def fill_gaps() -> List[Any]:
    """Objects in the places that others left free: while these are kept, new ones lie together, in new pages."""
    kept: List[Any] = []
    empty = sys.getsizeof(b"")
    for size in range(empty // 16 * 16 + 16, 513, 16):
        together, last = 0, 0
        for _ in range(_MOST_GAPS):
            kept.append(bytes(size - empty))
            together = together + 1 if id(kept[-1]) == last + size else 0
            last = id(kept[-1])
            if together * size > _POOL // 2:  # no other's gap is so large
                break
    return kept
