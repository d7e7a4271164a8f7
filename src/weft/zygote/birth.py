"""The newborn process: it makes itself the plugin's, lets itself be confined, and only then runs the plugin's code."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import time
from typing import Any, Dict, List, NamedTuple

from weft.sandbox.confine import confine
from weft.sandbox.kernel import die_with_parent, set_process_name
from weft.zygote.messages import read_line, tell

WIRE = 3
"""The descriptor by which a plugin's process reaches its host, whatever else it has."""
_SPARE = 10
"""Descriptors below it may be in the way."""


class Ends(NamedTuple):
    """What a host hands over for one instance: ends of sockets and pipes, as descriptors."""

    host: int
    wire: int
    stdout: int
    stderr: int


def be_born(order: Dict[str, Any], ends: Ends, namespaces: str, keeper: int) -> None:
    """Become the plugin; never returns. ``keeper``: where the keeper awaits a listener for refused calls."""
    host = socket.socket(fileno=fcntl.fcntl(ends.host, fcntl.F_DUPFD_CLOEXEC, _SPARE))
    try:
        keeper = fcntl.fcntl(keeper, fcntl.F_DUPFD_CLOEXEC, _SPARE)
        _leave_zygote(order["name"])
        tell(host, born=os.getpid())
        outer = read_line(host)  # from here on it is under its limits
        _take_over(ends)
        os.chdir(order["folder"])
        _set_variables({**order["variables"], "WEFT_PID": outer.decode()})
        report, listener = confine(order["policy"], namespaces)
        with socket.socket(fileno=keeper) as channel:
            socket.send_fds(channel, [b"-"], [] if listener is None else [listener])
        tell(host, ready=report)
        if order["argv"]:
            _execute(order["argv"], host)
        os.closerange(WIRE + 1, _most_descriptors())
        host.detach()
    except BaseException as error:
        tell(host, failed=f"{type(error).__name__}: {error}")
        os._exit(70)
    _run(order)


def _leave_zygote(name: str) -> None:
    os.setsid()
    die_with_parent()
    set_process_name(name)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _take_over(ends: Ends) -> None:
    """Put the four descriptors in their places."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    given = (nothing, ends.stdout, ends.stderr, ends.wire)
    spares = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, _SPARE) for each in given]
    for place, spare in enumerate(spares):
        os.dup2(spare, place)


def _most_descriptors() -> int:
    return max(int(each) for each in os.listdir("/dev/fd")) + 1


def _set_variables(variables: Dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()


def _execute(argv: List[str], host: socket.socket) -> None:
    try:
        os.execv(argv[0], argv)  # noqa: S606 - no shell is wanted
    except OSError as error:
        tell(host, failed=f"{argv[0]} cannot be run: {error}")
        os._exit(70)


def _run(order: Dict[str, Any]) -> None:
    """Serve the wire; from here on code of the plugin's packages runs."""
    try:
        sys.argv = [order["name"]]
        if order["site"]:
            import site

            site.main()
        sys.path += order["paths"]
        from weft.sdk.process import main

        main(WIRE)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(70)
