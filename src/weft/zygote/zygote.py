"""A warm interpreter that forks plugins' processes, each with a keeper. It runs no code of a plugin itself.

One request is one byte with the ends of an instance (birth.Ends): the order itself goes to the newborn, so that no
secret of a plugin is ever in the memory that all later ones inherit. When the host ends, or closes its end, the zygote
ends everything below it, and itself.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
from typing import Set

from weft.sandbox.kernel import LINUX, adopt_orphans, set_process_name
from weft.sandbox.namespaces import Births
from weft.sandbox.privileges import raise_limit
from weft.zygote.birth import WIRE, Ends
from weft.zygote.keeper import keep
from weft.zygote.messages import receive, tell
from weft.zygote.sharing import fill_gaps, forget_lookups
from weft.zygote.signs import Signs, children

_WARM = ("asyncio", "concurrent.futures.thread", "contextvars", "inspect", "logging", "traceback", "typing")
"""Of the standard library, what every plugin's process needs."""
_WARM_WEFT = ("weft.sdk.process", "weft.sdk.asgi", "weft.sdk.web", "weft.sdk.provider", "weft.sdk.lifespan")
"""The plugin's side of weft; it takes msgspec and uvloop where they are found."""
_HELPERS = ("msgspec", "uvloop")
_ROUND = 0.01
"""Seconds between two looks for what is left."""


def main(descriptor: int, *helpers: str) -> None:
    """Fork what the host on that socket asks for, until it is gone. ``helpers``: where msgspec and uvloop are."""
    if descriptor != WIRE:
        os.dup2(descriptor, WIRE, inheritable=False)
    _close_all_but(WIRE)
    signs = Signs()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the host decides when it ends
    set_process_name("weft-keeper")  # as those that it forks have it, who would need memory for it
    adopt_orphans()
    raise_limit()
    warm()
    for each in helpers:
        sys.path.remove(each)  # each instance searches them after everything of its own
    Zygote(socket.socket(fileno=WIRE), signs, Births(), fill_gaps()).serve()
    os._exit(0)


def _close_all_but(control: int) -> None:
    """Close what the host's event loop let this process inherit: uvloop closes nothing that is inheritable."""
    for descriptor in map(int, os.listdir("/dev/fd")):
        if descriptor > 2 and descriptor != control:
            with contextlib.suppress(OSError):  # the listing's own is closed already
                os.close(descriptor)


def warm() -> None:
    """Load what every plugin's process needs, and leave it out of later collections of garbage.

    Where the plugins' own packages include a helper, theirs is to be found: nothing is loaded then that uses it.
    """
    for name in _WARM:
        importlib.import_module(name)
    if not _brought(sys.executable):
        for name in _WARM_WEFT:
            importlib.import_module(name)
        with contextlib.suppress(ImportError):  # plugins run without it
            importlib.import_module("uvloop")
    forget_lookups()
    gc.collect()
    gc.freeze()


def _brought(executable: str) -> bool:
    """Whether the virtual environment of that interpreter, where it is one, holds helpers of its own."""
    root = os.path.dirname(os.path.dirname(executable))
    if not os.path.exists(os.path.join(root, "pyvenv.cfg")):
        return False
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folder = os.path.join(root, "lib", version, "site-packages")
    return any(os.path.exists(os.path.join(folder, name)) for name in _HELPERS)


class Zygote:
    """Serves one host on ``control``. ``kept``: what is to be there as long as it."""

    def __init__(self, control: socket.socket, signs: Signs, births: Births, kept: object) -> None:
        self._control = control
        self._signs = signs
        self._births = births
        self._kept = kept
        self._keepers: Set[int] = set()

    def serve(self) -> None:
        """Returns when the host is gone, and everything below with it."""
        waiting = self._signs.poll()
        waiting.register(self._control, select.POLLIN)
        serving = True
        while serving:
            for descriptor, _ in waiting.poll():
                if descriptor == self._signs.host:
                    serving = False
                elif descriptor == self._control.fileno():
                    serving = self._take() and serving
                else:
                    self._signs.clear()
                    self._reap()
                    self._end_strangers()
        self._end_all()

    def _take(self) -> bool:
        request, descriptors = receive(self._control, 1, len(Ends._fields))
        if not request:
            return False
        if len(descriptors) == len(Ends._fields):
            self._start(Ends(*descriptors))
        for each in descriptors:
            os.close(each)
        return True

    def _start(self, ends: Ends) -> None:
        channel = socket.socketpair()
        try:
            keeper = self._births.fork()
            if keeper == 0:
                keep(ends, channel, self._signs, self._births.outside)
            self._keepers.add(keeper)
        except OSError as error:
            tell(ends.host, failed=f"its process cannot be forked: {error}")
        finally:
            for end in channel:
                end.close()

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._keepers.discard(pid)

    def _end_strangers(self) -> None:
        """A child that is no keeper has lost its keeper: it goes after it."""
        if LINUX:
            for pid in children() - self._keepers:
                os.kill(pid, signal.SIGKILL)

    def _end_all(self) -> None:
        """Keepers end their own by themselves; what is left in the end is ended here."""
        deadline = time.monotonic() + 0.5
        while True:
            self._reap()
            left = children() if LINUX else set(self._keepers)
            if not left:
                return
            for pid in left - self._keepers if time.monotonic() < deadline else left:
                os.kill(pid, signal.SIGKILL)
            time.sleep(_ROUND)
