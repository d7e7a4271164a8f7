"""What a process gives up of itself: capabilities, setuid programs, and how much of some things it may have."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import resource
import struct

from weft.sandbox.kernel import LINUX, call, prctl

_SET_NO_NEW_PRIVS, _CAPBSET_DROP, _CAP_AMBIENT, _CLEAR_ALL = 38, 24, 47, 4
_CAPABILITIES_3 = 0x20080522
_MOST_CAPABILITIES = 64


def give_up() -> None:
    """No program that this process starts gains privileges, and it has no capability left, root or not.

    Raises OSError.
    """
    if not LINUX:
        return
    prctl(_SET_NO_NEW_PRIVS, 1)
    for capability in range(_MOST_CAPABILITIES):
        try:
            prctl(_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == errno.EINVAL:  # past the last one that the kernel knows
                break
            if error.errno != errno.EPERM:  # an ordinary user has none to drop
                raise
    prctl(_CAP_AMBIENT, _CLEAR_ALL)
    header, none = struct.pack("=Ii", _CAPABILITIES_3, 0), bytes(24)
    call("capset", ctypes.c_char_p(header), ctypes.c_char_p(none))


def raise_limit() -> None:
    """As many open files as this process may have at all.

    A process without privileges sends descriptors only while fewer than its own limit are on their way between all
    processes of its user (unix(7), ETOOMANYREFS), and plugins can leave as many underway as theirs lets them: who hands
    descriptors over needs more.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # a system that has no such number
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def limit(*, open_files: int, file_bytes: int) -> None:
    """At most so many open files, and files of that size; no core dumps."""
    for what, wanted in (
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(what, (most, most))
