"""Ends a plugin's processes when its host is gone, whatever the plugin is doing."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading


def watch(wire: socket.socket) -> None:
    """Start a thread that kills this process group once the other end of ``wire`` is closed.

    The host makes each plugin process the leader of its own group, so this reaches what the plugin started too.
    """
    descriptor = os.dup(wire.fileno())
    threading.Thread(target=_wait, args=(descriptor,), name="weft-guard", daemon=True).start()


def _wait(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # hang-up and error are always reported
    while True:
        for _, events in poll.poll():
            if events & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                os.killpg(os.getpgrp(), signal.SIGKILL)
