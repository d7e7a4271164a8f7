"""Reuses what its process may have inherited."""

import array
import os
import socket

from attempts import data, offer


def others():
    """Those beyond the first four that are open when a plugin starts."""
    if not AT_START:
        raise PermissionError("none")
    return AT_START


def _is_its_own(number, link):
    """Whether it is the event loop's, or another name of its output."""
    if link.startswith("socket:"):
        with socket.socket(fileno=os.dup(number)) as each:
            return each.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED) == os.getpid()
    return link.startswith("anon_inode:[event") or link in (os.readlink("/proc/self/fd/1"), os.readlink("/proc/self/fd/2"))


def _beyond_the_wire():
    found = {}
    for number in range(4, 1024):
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
    return {number: link for number, link in found.items() if not _is_its_own(number, link)}


AT_START = _beyond_the_wire()


def pass_one_over_the_wire():
    """The host takes none: to be seen there."""
    descriptor = os.open(f"{data}/passed", os.O_CREAT | os.O_RDWR)
    wire = socket.socket(fileno=os.dup(3))
    with wire:
        wire.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor] * 100))])
    raise PermissionError("dropped")


def speak_as_its_keeper():
    for number in (0, 1, 2):
        try:
            os.write(number, b'\n{"ended": 0, "peak": 1}\n{"refused": {"nothing": 1}}\n')
        except OSError:
            continue
    raise PermissionError("printed")


app = offer(globals())
