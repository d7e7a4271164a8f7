"""Whether the other end of a connection is a program of the server's user that is no plugin's: asked of the kernel.

On the control socket the kernel names the process that connected (SO_PEERCRED). On loopback TCP its table of sockets
is searched for the peer's end, and every process that holds it is looked at. What cannot be decided is a stranger.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Collection
from contextlib import nullcontext
from weakref import WeakKeyDictionary

from weft.server.front.peer import Peer
from weft.server.management.processes import is_stranger, read_process
from weft.server.management.sockets import Endpoint, Undecided, endpoint, find_holders, look_for_socket

logger = logging.getLogger("weft.management")

_SCANS_AT_ONCE = 2


class PeerJudge:
    """Judges each connection once, in a thread; those over TCP, which take a look at every process, a few at a time.

    ``managers()`` gives the pids of the instances of plugins that may manage. ``server`` is the server's own pid.
    """

    def __init__(self, managers: Callable[[], Collection[int]], *, server: int | None = None) -> None:
        self._managers = managers
        self._server = os.getpid() if server is None else server
        self._verdicts: WeakKeyDictionary[Peer, bool] = WeakKeyDictionary()
        self._scans = asyncio.Semaphore(_SCANS_AT_ONCE)

    async def is_own_program(self, peer: Peer) -> bool:
        """The verdict on this connection, which is then kept as long as the connection lives."""
        if peer not in self._verdicts:
            async with self._scans if peer.remote else nullcontext():
                if peer not in self._verdicts:
                    self._verdicts[peer] = await asyncio.to_thread(self.judge, peer, frozenset(self._managers()))
        return self._verdicts[peer]

    def judge(self, peer: Peer, managers: Collection[int] = ()) -> bool:
        """Ask the kernel. Blocks; safe in any thread."""
        if sys.platform != "linux":
            return False
        try:
            pids = self._unix_pids(peer) if peer.remote is None else self._tcp_pids(peer)
            return bool(pids) and all(self._is_acceptable(pid, managers) for pid in pids)
        except (Undecided, OSError) as error:
            logger.warning("cannot tell who asks to manage: %s", error)
            return False

    def _unix_pids(self, peer: Peer) -> frozenset[int]:
        if peer.uid != os.geteuid() or not peer.pid:
            return frozenset()
        return frozenset({peer.pid}) if self._was_there(peer) else frozenset()

    def _was_there(self, peer: Peer) -> bool:
        """Whether the process of this number is the one that connected, not a later one."""
        process = read_process(peer.pid or 0)
        return process is not None and process.started <= peer.accepted

    def _tcp_pids(self, peer: Peer) -> frozenset[int]:
        ends = _loopback_ends(peer)
        row = look_for_socket(*ends) if ends else None
        if row is None or row.uid != os.geteuid():
            return frozenset()
        holders = find_holders(row.inode)
        # A plugin's process that hides what it holds may hold this.
        hiding = {pid for pid in holders.hidden if is_stranger(pid, server=self._server, managers=())}
        return holders.seen | hiding if holders.seen else frozenset()

    def _is_acceptable(self, pid: int, managers: Collection[int]) -> bool:
        process = read_process(pid)
        if process is None or process.uid != os.geteuid():
            return False
        return not is_stranger(pid, server=self._server, managers=managers) and read_process(pid) == process


def _loopback_ends(peer: Peer) -> tuple[Endpoint, Endpoint] | None:
    """The peer's own address and the one it connected to, as its own socket has them; None when not both loopback."""
    if peer.remote is None or peer.local is None:
        return None
    theirs, ours = endpoint(*peer.remote), endpoint(*peer.local)
    if theirs is None or ours is None or not (theirs[0].is_loopback and ours[0].is_loopback):
        return None
    return theirs, ours
