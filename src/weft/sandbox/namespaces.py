"""Namespaces: what a process and all below it see of the machine, and what ends with the first of them.

Source: namespaces(7), user_namespaces(7), pid_namespaces(7), netdevice(7).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import struct
from typing import Any, Callable, List, Mapping, Optional, Tuple

from weft.sandbox import mounts
from weft.sandbox.kernel import call, fork

_MOUNTS, _IPC, _USER, _PIDS, _NETWORK = 0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
_NO_PROGRAMS_IN_MEMORY = "/proc/sys/vm/memfd_noexec"


class Births:
    """Forks children that are each the first process of a namespace of process ids, and that it can wait for.

    ``outside``: why it cannot; then children are as others are. '': it can.
    """

    def __init__(self) -> None:
        self.outside = ""
        self._home: Optional[int] = None
        try:
            if os.geteuid() == 0:
                self._home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
            probe = self.fork()
            if probe == 0:
                os._exit(0)
            os.waitpid(probe, 0)
        except OSError as error:
            self.outside = f"no namespaces of its own: {error.strerror or error}"

    def fork(self) -> int:
        """As os.fork. Raises OSError."""
        if self.outside:
            return fork()
        return _fork_from(self._home) if self._home is not None else _fork_by_another()


def _fork_from(home: int) -> int:
    """As root: the namespace is for the next child alone; those after it are to be of this process's own."""
    call("unshare", _PIDS)
    child = fork()
    if child:
        call("setns", home, _PIDS)
    return child


def _fork_by_another() -> int:
    """As an ordinary user, who needs a user namespace, and is the same user in it: nobody comes back out of that.

    So a process goes into it, leaves the child there, and ends; this process must have adopted orphans (kernel.py).
    """
    readable, writable = os.pipe()
    another = fork()
    if another == 0:
        os.close(readable)
        said = _leave_child()
        if not said:
            os.close(writable)
            return 0
        os.write(writable, said)
        os._exit(0)
    os.close(writable)
    with open(readable, "rb") as answer:
        said = answer.read()
    os.waitpid(another, 0)
    if not said.isdigit():
        raise OSError(errno.EPERM, said.decode() or "the process that was to fork ended")
    return int(said)


def _leave_child() -> bytes:
    """The id of a child in a new namespace, or why there is none, in words; in the child itself nothing."""
    try:
        _become_namespace_owner()
        child = fork()
    except OSError as error:
        return (error.strerror or str(error)).encode()
    return b"%d" % child if child else b""


def _become_namespace_owner() -> None:
    user, group = os.geteuid(), os.getegid()
    call("unshare", _USER | _PIDS)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")


def settle(policy: Mapping[str, Any]) -> Optional[str]:
    """Give this process, which has process ids of its own, mounts and shared memory of its own; all fit to live in.

    With the network ``loopback`` also a network of its own, in which it reaches nobody but itself. Nothing but what the
    ``policy`` (see confine.py) lets it write can be changed in any mount, not even by its owner's chmod; what other
    programs offer by sockets with a path is hidden; ``/proc`` shows nobody else; ``/dev/shm`` is its own. Returns what
    of this could not be had, in words; None: nothing.
    """
    network = policy["network"] == "loopback"
    try:
        call("unshare", _MOUNTS | _IPC | (_NETWORK if network else 0))
    except OSError as error:
        return str(error)
    failed: List[str] = []
    steps: Tuple[Tuple[str, Callable[[], None]], ...] = (
        ("mounts of its own", mounts.part),
        ("hidden sockets", lambda: mounts.hide(policy["shown"], policy["links"])),
        ("read-only mounts", lambda: mounts.freeze(policy["write"])),
        ("a /proc of its own", mounts.own_proc),
        ("a loopback of its own", _raise_loopback if network else lambda: None),
    )
    for what, step in steps:
        try:
            step()
        except OSError as error:
            failed.append(f"{what} ({os.strerror(error.errno or errno.EIO)})")
    with contextlib.suppress(OSError):  # where it may not, calls are filtered for it
        _write(_NO_PROGRAMS_IN_MEMORY, "2")
    return ", ".join(failed) or None


def forbids_programs_in_memory() -> bool:
    """Whether files that lie in memory alone cannot be executed by what has these process ids."""
    try:
        return _read(_NO_PROGRAMS_IN_MEMORY).strip() == b"2"
    except OSError:
        return False


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = bytearray(struct.pack("16sH22x", b"lo", 0))
        fcntl.ioctl(any_socket, _GET_FLAGS, request)
        (flags,) = struct.unpack_from("H", request, 16)
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH22x", b"lo", flags | _UP))


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # decoders would touch more memory than all else here
        return file.read()


def _write(path: str, text: str) -> None:
    with open(path, "wb", buffering=0) as file:
        file.write(text.encode())
