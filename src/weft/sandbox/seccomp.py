"""Puts a filter of system calls in force, and answers for the kernel what it refuses, so that it can be told.

Source: the kernel's Documentation/userspace-api/seccomp_filter.rst, "Userspace Notification"; seccomp_unotify(2).
"""

from __future__ import annotations

import ctypes
import fcntl
import struct
from typing import Optional, Tuple

from weft.sandbox import filter as filters
from weft.sandbox.kernel import call, machine, numbers

_SET_MODE_FILTER, _GET_NOTIF_SIZES = 1, 3
_SPEC_ALLOW, _NEW_LISTENER = 1 << 2, 1 << 3
"""SPEC_ALLOW: older kernels would slow the whole process against a flaw that the filter does not open."""
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTIFICATION = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def install(scope: filters.Scope) -> Optional[int]:
    """Filter this process's calls from now on, for ever; it must have no_new_privs set.

    Returns the descriptor of a listener for what is refused; None where the kernel has none to give. Raises OSError
    where calls cannot be filtered at all.
    """
    if machine() not in filters.ARCHITECTURES:
        raise OSError(38, f"no filter for this machine ({machine()})")
    try:
        return _install(scope, filters.NOTIFY, _SPEC_ALLOW | _NEW_LISTENER)
    except OSError:
        _install(scope, filters.refuse(filters.EPERM), _SPEC_ALLOW)
        return None


def _install(scope: filters.Scope, refusal: int, flags: int) -> int:
    code = filters.program(machine(), numbers(), scope, refusal)
    program = _Program(len(code) // 8, code)
    return call("seccomp", _SET_MODE_FILTER, flags, ctypes.byref(program))


def answer(listener: int) -> Optional[Tuple[int, Tuple[int, ...]]]:
    """Refuse the call that waits at ``listener``: its number and arguments; None when its process has ended."""
    buffer = bytearray(_NOTIFICATION.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, buffer)
        identity, _pid, _flags, number, _arch, _at, *args = _NOTIFICATION.unpack(buffer)
        fcntl.ioctl(listener, _SEND, bytearray(_ANSWER.pack(identity, 0, -filters.EPERM, 0)))
    except OSError:  # it is gone, or was interrupted
        return None
    return number, tuple(args)


def name_of(number: int) -> str:
    """The name of a system call of this machine; of those that it does not have, one for all."""
    return next((name for name, its in numbers().items() if its == number), "a call of another convention (x32)")
