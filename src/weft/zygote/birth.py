"""The newborn process: it makes itself the plugin's, lets itself be confined, and only then runs the plugin's code."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional

from weft.sandbox import namespaces, privileges
from weft.sandbox.confine import confine
from weft.sandbox.kernel import die_with_parent, release_zeros, set_process_name
from weft.zygote.messages import listen, listen_for_more, tell

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

WIRE = 3
"""The descriptor by which a plugin's process reaches its host. In a zygote its control socket is there, and so every
other descriptor is above it."""
_FAILED = 70
"""Exit code of a process that did not come to run the plugin."""


class Ends(NamedTuple):
    """What a host hands over for one instance: ends of sockets and pipes, as descriptors."""

    host: int
    wire: int
    stdout: int
    stderr: int


def be_born(ends: Ends, keeper: socket.socket, outside: str) -> None:
    """Become the plugin; never returns.

    ``keeper``: where it awaits a listener for refused calls. ``outside``: why there are no namespaces; '': there are.
    """
    try:
        _leave_zygote()
        _take_over(ends)
        order, descriptors = listen_for_more(ends.host)
        bound = descriptors.pop() if order["unbound"] else None
        tell(ends.host, born=os.getpid(), unheld=_enter(descriptors))
        set_process_name(order["name"])
        policy = order["policy"]
        if not outside:
            outside = namespaces.settle(policy) or ""
        variables = {**order["variables"], "WEFT_PID": str(listen(ends.host))}
        os.chdir(order["folder"])
        _set_variables(variables)
        report, listener = confine(policy, outside)
        for folder in order["folders"]:
            os.makedirs(folder, 0o700, exist_ok=True)
        _hand_over(keeper, listener, bound, order["unbound"])
        privileges.limit(open_files=policy["open_files"], file_bytes=policy["file_bytes"])  # only now: see raise_limit
        tell(ends.host, ready=report)
        if order["argv"]:
            os.execv(order["argv"][0], order["argv"])  # noqa: S606 - no shell is wanted
        os.closerange(WIRE + 1, max(map(int, os.listdir("/dev/fd"))) + 1)
    except BaseException as error:
        tell(ends.host, failed=f"{type(error).__name__}: {error}")
        os._exit(_FAILED)
    _run(order)


def _leave_zygote() -> None:
    os.setsid()
    die_with_parent()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if "random" in sys.modules:  # its own way to be told of a fork is passed by: see kernel.fork
        sys.modules["random"].seed()


def _enter(entrances: List[int]) -> str:
    """Enter a cgroup (cgroup.Ways); why that failed, in words, or ''."""
    try:
        for each in entrances:
            os.write(each, b"0")
            os.close(each)
    except OSError as error:
        return str(error)
    return ""


def _take_over(ends: Ends) -> None:
    """Put nothing, two pipes and the wire in the places of the zygote's descriptors, before any is free for others."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for place, descriptor in enumerate((nothing, ends.stdout, ends.stderr, ends.wire)):
        os.dup2(descriptor, place)


def _set_variables(variables: Dict[str, str]) -> None:
    for name in [name for name in os.environ if name not in variables]:
        del os.environ[name]
    for name, value in variables.items():
        os.environ[name] = value
    time.tzset()


def _hand_over(keeper: socket.socket, listener: Optional[int], bound: Optional[int], unbound: str) -> None:
    """See Keeper._take_over: a letter for each descriptor, and the word for the last one."""
    letters = ("-" if listener is None else "l") + ("-" if bound is None else "b")
    descriptors = [each for each in (listener, bound) if each is not None]
    socket.send_fds(keeper, [letters.encode() + unbound.encode()], descriptors)


def _run(order: Dict[str, Any]) -> None:
    """Serve the wire; from here on code of the plugin's packages runs."""
    try:
        sys.argv = [order["name"]]
        if order["site"]:
            import site

            site.main()
        sys.path += order["paths"]
        from weft.sdk.process import new_loop, serve

        serve(WIRE, lambda: _without_zeros(new_loop()))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(_FAILED)


def _without_zeros(loop: AbstractEventLoop) -> AbstractEventLoop:
    """The same loop: those of uvloop have a buffer of 250 KiB in themselves, into which the wire never reads."""
    release_zeros(id(loop), type(loop).__basicsize__)
    return loop
