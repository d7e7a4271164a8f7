"""The system calls by which a program changes files, opens descriptors and starts processes; standard library alone.

Run as a program, ``fault_calls.py SOCKET COMMAND…`` lets the kernel ask whoever is at the other end of the socket about
each of these calls, of the command and of all that it starts (seccomp_unotify(2)), then becomes the command.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """One of them. ``place``: which arguments name what it works on, as ``path:1``, ``at:0:1`` or ``fd:0``."""

    name: str
    numbers: tuple[int | None, int | None]
    """On x86_64, on aarch64."""
    place: str
    error: int


CALLS = (
    Call("write", (1, 64), "fd:0", errno.ENOSPC),
    Call("open", (2, None), "path:0", errno.EMFILE),
    Call("pwrite64", (18, 68), "fd:0", errno.ENOSPC),
    Call("sendfile", (40, 71), "fd:0", errno.ENOSPC),
    Call("socketpair", (53, 199), "", errno.EMFILE),
    Call("clone", (56, 220), "", errno.EAGAIN),
    Call("fork", (57, None), "", errno.EAGAIN),
    Call("vfork", (58, None), "", errno.EAGAIN),
    Call("flock", (73, 32), "fd:0", errno.ENOLCK),
    Call("fsync", (74, 82), "fd:0", errno.EIO),
    Call("fdatasync", (75, 83), "fd:0", errno.EIO),
    Call("ftruncate", (77, 46), "fd:0", errno.EIO),
    Call("rename", (82, None), "path:1", errno.ENOSPC),
    Call("mkdir", (83, None), "path:0", errno.ENOSPC),
    Call("rmdir", (84, None), "path:0", errno.EIO),
    Call("unlink", (87, None), "path:0", errno.EIO),
    Call("symlink", (88, None), "path:1", errno.ENOSPC),
    Call("chmod", (90, None), "path:0", errno.EIO),
    Call("fchmod", (91, 52), "fd:0", errno.EIO),
    Call("openat", (257, 56), "at:0:1", errno.EMFILE),
    Call("mkdirat", (258, 34), "at:0:1", errno.ENOSPC),
    Call("unlinkat", (263, 35), "at:0:1", errno.EIO),
    Call("renameat", (264, 38), "at:2:3", errno.ENOSPC),
    Call("symlinkat", (266, 36), "at:1:2", errno.ENOSPC),
    Call("fchmodat", (268, 53), "at:0:1", errno.EIO),
    Call("utimensat", (280, 88), "at:0:1", errno.EIO),
    Call("pipe2", (293, 59), "", errno.EMFILE),
    Call("renameat2", (316, 276), "at:2:3", errno.ENOSPC),
    Call("copy_file_range", (326, 285), "fd:2", errno.ENOSPC),
    Call("clone3", (435, 435), "", errno.EAGAIN),
)
MACHINES = {"x86_64": (0, 0xC000003E, 317), "aarch64": (1, 0xC00000B7, 277)}
"""Which of a call's numbers, the kernel's name of the machine, and the number of seccomp(2)."""
_COLUMN, _ARCHITECTURE, _SECCOMP = MACHINES.get(platform.machine(), (0, 0, 0))
BY_NUMBER = {number: call for call in CALLS if (number := call.numbers[_COLUMN]) is not None}

_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ASK = 0x7FFF0000, 0x7FC00000
_NUMBER, _MACHINE = 0, 4
"""Where struct seccomp_data has them."""
_NO_NEW_PRIVS = 38
_SET_MODE_FILTER = 1
_NEW_LISTENER, _WAIT_KILLABLE = 1 << 3, 1 << 5


def install() -> int:
    """Ask about these calls from now on; a descriptor on which the questions arrive. Raises OSError."""
    if not _ARCHITECTURE:
        raise OSError(errno.ENOSYS, f"no numbers of system calls are known for {platform.machine()}")
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(_filter())
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(code))
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    found = int(libc.syscall(_SECCOMP, _SET_MODE_FILTER, _NEW_LISTENER | _WAIT_KILLABLE, program))
    if found < 0:
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")
    return found


def _filter() -> bytes:
    numbers = sorted(BY_NUMBER)
    lines = [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, _ARCHITECTURE), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, _NUMBER)]
    lines += [(_EQUAL, len(numbers) - index, 0, number) for index, number in enumerate(numbers)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ASK)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def main(descriptor: str, *command: str) -> None:
    with socket.socket(fileno=int(descriptor)) as supervisor:
        try:
            listener = install()
        except OSError as error:
            supervisor.send(str(error).encode())
            raise
        socket.send_fds(supervisor, [b"ready"], [listener])
        os.close(listener)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
