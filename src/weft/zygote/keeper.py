"""One instance's keeper: the first process of its namespaces, or else the one that adopts what it leaves behind.

It answers for the kernel what the plugin is refused, reaps what ends, and when the plugin ends, or the host does, ends
everything that is left below it. It runs no code of the plugin.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from typing import Any, Dict, Optional, Set, Tuple

from weft.sandbox import filter as filters
from weft.sandbox import namespaces, privileges, seccomp
from weft.sandbox.kernel import adopt_orphans, hide_memory, set_process_name
from weft.zygote.birth import Ends, be_born
from weft.zygote.messages import tell
from weft.zygote.signs import Signs, children

_TELL_EVERY = 1.0
"""Seconds between two messages about the same refused call."""
_ROUND = 0.01
"""Seconds between two looks for what is left."""


def keep(order: Dict[str, Any], ends: Ends, signs: Signs, outside: str) -> None:
    """Start the instance and keep it to its end; never returns. ``outside``: why it has no namespaces; '': it has."""
    host = socket.socket(fileno=ends.host)
    try:
        policy = order["policy"]
        tell(host, keeper=os.getpid())
        if outside:
            adopt_orphans()
        else:
            outside = namespaces.settle(policy["write"], network=policy["network"] == "loopback") or ""
        ours, theirs = socket.socketpair()
        plugin = os.fork()
        if plugin == 0:
            ours.close()
            be_born(order, ends, outside, theirs.fileno())
        theirs.close()
        for each in (ends.wire, ends.stdout, ends.stderr):
            os.close(each)
        set_process_name("weft-keeper")
        hide_memory()
        privileges.give_up()
        Keeper(host, signs, plugin, ours).serve()
    except BaseException as error:
        tell(host, failed=f"its keeper: {type(error).__name__}: {error}")
    finally:
        os._exit(0)  # in namespaces of its own, the kernel ends whatever is left in them


class Keeper:
    """Waits for what happens to one instance. ``channel``: by which a listener for refused calls comes."""

    def __init__(self, host: socket.socket, signs: Signs, plugin: int, channel: socket.socket) -> None:
        self._host = host
        self._signs = signs
        self._plugin = plugin
        self._channel = channel
        self._listener: Optional[int] = None
        self._refused: Dict[str, int] = {}
        self._told: Set[str] = set()
        self._tell_at = 0.0
        self._end: Optional[Tuple[int, int]] = None

    def serve(self) -> None:
        """Returns when the plugin has ended, by itself or with its host, and nothing of it is left."""
        waiting = self._signs.poll()
        waiting.register(self._host, select.POLLRDHUP)
        waiting.register(self._channel, select.POLLIN)
        while self._end is None:
            for descriptor, _ in waiting.poll(self._patience()):
                if descriptor in (self._host.fileno(), self._signs.host):
                    os.kill(self._plugin, signal.SIGKILL)
                    self._end = 0, 0
                elif descriptor == self._channel.fileno():
                    waiting.unregister(descriptor)
                    self._take_listener(waiting)
                elif descriptor == self._listener:
                    self._refuse(waiting)
                else:
                    self._signs.clear()
            self._reap(os.WNOHANG)
            self._tell_refused()
        self._finish()

    def _patience(self) -> Optional[float]:
        return max(0.0, self._tell_at - time.monotonic()) * 1000 + 1 if self._refused else None

    def _take_listener(self, waiting: Any) -> None:
        _, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
        self._channel.close()
        if descriptors:
            self._listener = descriptors[0]
            waiting.register(self._listener, select.POLLIN)

    def _refuse(self, waiting: Any) -> None:
        assert self._listener is not None
        call = seccomp.answer(self._listener)
        if call is None:
            if select.select([self._listener], [], [], 0)[0]:  # hung up: nobody is left whom it filters
                waiting.unregister(self._listener)
            return
        number, args = call
        name = seccomp.name_of(number)
        what = f"{name} of {filters.family_name(args[0])}" if name == "socket" else name
        self._refused[what] = self._refused.get(what, 0) + 1

    def _tell_refused(self) -> None:
        now = time.monotonic()
        if self._refused and (now >= self._tell_at or not self._told.issuperset(self._refused)):
            if tell(self._host, refused=self._refused):
                self._told.update(self._refused)
                self._refused = {}
            self._tell_at = now + _TELL_EVERY

    def _reap(self, flags: int) -> bool:
        """Collect what has ended; whether anything is left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, flags)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._plugin:
                self._end = status, usage.ru_maxrss * 1024

    def _finish(self) -> None:
        """End what the plugin left, and tell how it ended itself."""
        while True:
            end_below()
            if not self._reap(os.WNOHANG):
                break
            time.sleep(_ROUND)
        self._tell_at = 0.0
        self._tell_refused()
        assert self._end is not None
        tell(self._host, ended=self._end[0], peak=self._end[1])


def end_below() -> None:
    """End every other process of these namespaces, or, where they are not our own, every child."""
    if os.getpid() == 1:
        with contextlib.suppress(ProcessLookupError):  # there is none
            os.kill(-1, signal.SIGKILL)
    else:
        for pid in children():
            os.kill(pid, signal.SIGKILL)  # it is ours until it is collected: no other can have its number
