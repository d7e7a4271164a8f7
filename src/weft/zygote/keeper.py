"""One instance's keeper: the first process of its namespace, or else the one that adopts what it leaves behind.

It answers for the kernel what the plugin is refused, reaps what ends, and when the plugin ends, or the host does, ends
everything that is left below it. It runs no code of the plugin.

Whatever a keeper touches of its zygote's memory is its own as long as it lives. So it uses the plainest functions there
are, and leaves all that can be left to the plugin's process. It keeps its capabilities, where it has any: they are what
keeps the plugin, which has none, from looking into it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time
from typing import Any, Dict, Optional, Set, Tuple

from weft.sandbox import filter as filters
from weft.sandbox import seccomp
from weft.sandbox.kernel import adopt_orphans, fork
from weft.zygote.birth import WIRE, Ends, be_born
from weft.zygote.messages import tell
from weft.zygote.signs import Signs, children

_TELL_EVERY = 1.0
"""Seconds between two messages about the same refused call."""
_AT_ONCE, _PAUSE = 1000, 0.001
"""So many refused calls between two messages cost nothing; each further one waits so many seconds for its answer, since
what a keeper does is not held to its plugin's limits."""
_ROUND = 0.01
"""Seconds between two looks for what is left."""
_LONGEST, _DESCRIPTOR = 64, 4
"""Bytes of what the newborn process says, and of a descriptor that comes with it."""
_OF_A_FAMILY = ("socket", "socketpair")

Channel = Tuple[socket.socket, socket.socket]
"""The keeper's end, and the plugin's: by which a listener for refused calls comes."""


def keep(ends: Ends, channel: Channel, signs: Signs, outside: str) -> None:
    """Start the instance and keep it to its end; never returns. ``outside``: see birth.be_born."""
    try:
        signs.renew()
        os.close(WIRE)  # the zygote's own socket: what is asked there must be lost with it, for the host to see
        if outside:
            adopt_orphans()
        plugin = fork()
        if plugin == 0:
            be_born(ends, channel[1], outside)
        for each in (ends.wire, ends.stdout, ends.stderr, channel[1].detach()):
            os.close(each)
        Keeper(ends.host, signs, plugin, channel[0]).serve()
    except BaseException as error:
        tell(ends.host, failed=f"its keeper: {type(error).__name__}: {error}")
    finally:
        os._exit(0)  # the first process of a namespace takes all others with it


class Keeper:
    """Waits for what happens to one instance."""

    def __init__(self, host: int, signs: Signs, plugin: int, channel: socket.socket) -> None:
        self._host = host
        self._signs = signs
        self._plugin = plugin
        self._channel = channel
        self._channel_at = channel.fileno()
        self._listener = -1
        self._bound: Optional[int] = None
        self._unbound = b""
        self._refused: Dict[str, int] = {}
        self._answered = 0
        self._told: Set[str] = set()
        self._tell_at = 0.0
        self._end: Optional[Tuple[int, int]] = None

    def serve(self) -> None:
        """Returns when the plugin has ended, by itself or with its host, and nothing of it is left."""
        waiting = self._signs.poll()
        waiting.register(self._host, select.POLLRDHUP)
        waiting.register(self._channel_at, select.POLLIN)
        while self._end is None:
            for descriptor, _ in waiting.poll(self._patience()):
                self._heed(descriptor, waiting)
            self._reap()
            if self._refused:
                self._tell_refused()
        self._finish()

    def _heed(self, descriptor: int, waiting: Any) -> None:
        if descriptor in (self._host, self._signs.host):
            self._end = signal.SIGKILL, 0
        elif descriptor == self._channel_at:
            waiting.unregister(descriptor)
            self._take_over(waiting)
        elif descriptor == self._listener:
            self._refuse(waiting)
        else:
            self._signs.clear()

    def _patience(self) -> Optional[float]:
        return max(0.0, self._tell_at - time.monotonic()) * 1000 + 1 if self._refused else None

    def _take_over(self, waiting: Any) -> None:
        """From the newborn process: ``l`` or ``-``, ``b`` or ``-``, the word that takes the bound away; descriptors."""
        said, notes, _, _ = self._channel.recvmsg(_LONGEST, socket.CMSG_SPACE(2 * _DESCRIPTOR))
        self._channel.close()
        found = notes[0][2] if notes else b""
        if said[:1] == b"l":
            self._listener = int.from_bytes(found[:_DESCRIPTOR], sys.byteorder)
            waiting.register(self._listener, select.POLLIN)
        if said[1:2] == b"b":
            self._bound = int.from_bytes(found[-_DESCRIPTOR:], sys.byteorder)
            self._unbound = said[2:]

    def _refuse(self, waiting: Any) -> None:
        call = seccomp.answer(self._listener)
        if call is None:
            if select.select([self._listener], [], [], 0)[0]:  # hung up: nobody is left whom it filters
                waiting.unregister(self._listener)
            return
        self._answered += 1
        if self._answered > _AT_ONCE:
            time.sleep(_PAUSE)
        number, args = call
        name = seccomp.name_of(number)
        what = f"{name} of {filters.family_name(args[0] & 0xFFFFFFFF)}" if name in _OF_A_FAMILY else name
        self._refused[what] = self._refused.get(what, 0) + 1

    def _tell_refused(self) -> None:
        now = time.monotonic()
        if now >= self._tell_at or not self._told.issuperset(self._refused):
            if tell(self._host, refused=self._refused):
                self._told.update(self._refused)
                self._refused = {}
                self._answered = 0
            self._tell_at = now + _TELL_EVERY

    def _reap(self) -> bool:
        """Collect what has ended; whether anything is left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._plugin:
                self._end = status, usage.ru_maxrss * 1024

    def _finish(self) -> None:
        """End what the plugin left, and tell how it ended itself."""
        if self._bound is not None:
            with contextlib.suppress(OSError):  # the host has removed the cgroup
                os.write(self._bound, self._unbound)
        while True:
            end_below()
            if not self._reap():
                break
            time.sleep(_ROUND)
        if self._refused:
            tell(self._host, refused=self._refused)
        assert self._end is not None
        tell(self._host, ended=self._end[0], peak=self._end[1])


def end_below() -> None:
    """End every other process of this namespace, or, where there is none of our own, every child."""
    if os.getpid() == 1:
        with contextlib.suppress(ProcessLookupError):  # there is none
            os.kill(-1, signal.SIGKILL)
    else:
        for pid in children():
            os.kill(pid, signal.SIGKILL)  # it is ours until it is collected: no other can have its number
