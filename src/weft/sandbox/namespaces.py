"""Namespaces: what a process and all below it see of the machine, and what ends with the first of them.

Source: namespaces(7), user_namespaces(7), pid_namespaces(7), mount_setattr(2), netdevice(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
from typing import Callable, Iterable, List, Optional, Tuple

from weft.sandbox.kernel import call, checked, libc

_MOUNTS, _IPC, _USER, _PIDS, _NETWORK = 0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
_BIND, _RECURSIVE, _SLAVE = 0x1000, 0x4000, 0x80000
_NOSUID, _NODEV, _NOEXEC = 0x2, 0x4, 0x8
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_READ_ONLY, _NO_SETUID = 0x1, 0x2
"""MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID."""
_ESCAPES = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\"))
"""What the kernel writes in mountinfo for what would end a field."""
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
_NO_PROGRAMS_IN_MEMORY = "/proc/sys/vm/memfd_noexec"
_SHARED_MEMORY_BYTES = 64 * 1024 * 1024


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
            self.outside = f"no namespaces of its own: {error}"

    def fork(self) -> int:
        """As os.fork. Raises OSError."""
        if self.outside:
            return os.fork()
        return _fork_from(self._home) if self._home is not None else _fork_by_another()


def _fork_from(home: int) -> int:
    """As root: the namespace is for the next child alone; those after it are to be of this process's own."""
    call("unshare", _PIDS)
    child = os.fork()
    if child:
        call("setns", home, _PIDS)
    return child


def _fork_by_another() -> int:
    """As an ordinary user, who needs a user namespace, and is the same user in it: nobody comes back out of that.

    So a process goes into it, leaves the child there, and ends; this process must have adopted orphans (kernel.py).
    """
    readable, writable = os.pipe()
    another = os.fork()
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
        child = os.fork()
    except OSError as error:
        return str(error).encode()
    return b"%d" % child if child else b""


def _become_namespace_owner() -> None:
    user, group = os.geteuid(), os.getegid()
    call("unshare", _USER | _PIDS)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")


def settle(writable: Iterable[str], *, network: bool) -> Optional[str]:
    """Give this process, which has process ids of its own, mounts and shared memory of its own; all fit to live in.

    ``network``: and a network of its own, in which it reaches nobody but itself. Nothing but ``writable`` can be
    changed in any mount, not even by its owner's chmod; ``/proc`` shows nobody else; ``/dev/shm`` is its own. Returns
    what of this could not be had, in words; None: nothing.
    """
    try:
        call("unshare", _MOUNTS | _IPC | (_NETWORK if network else 0))
    except OSError as error:
        return str(error)
    failed: List[str] = []
    steps: Tuple[Tuple[str, Callable[[], None]], ...] = (
        ("mounts of its own", lambda: _mount("none", "/", None, _RECURSIVE | _SLAVE)),
        ("read-only mounts", lambda: _freeze(writable)),
        ("a /proc of its own", lambda: _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)),
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


def _freeze(writable: Iterable[str]) -> None:
    own = outermost(writable)
    for path in own:
        _mount(path, path, None, _BIND | _RECURSIVE)
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        stay = writable_mounts(file, own)
    _set_attributes("/", _READ_ONLY | _NO_SETUID, 0, _AT_RECURSIVE)
    for path in stay:
        _set_attributes(path, 0, _READ_ONLY, 0)
    if os.path.isdir("/dev/shm"):  # noqa: S108 - a mount of its own, nobody else's folder
        _mount("tmpfs", "/dev/shm", "tmpfs", _NOSUID | _NODEV | _NOEXEC, f"size={_SHARED_MEMORY_BYTES}")  # noqa: S108


def outermost(paths: Iterable[str]) -> List[str]:
    """Those that exist and lead through no links, without the ones that lie in others."""
    found: List[str] = []
    for path in sorted(set(paths)):
        there = os.path.realpath(path) == path and os.path.exists(path)
        if there and not any(path.startswith(each.rstrip("/") + "/") for each in found):
            found.append(path)
    return found


def writable_mounts(mountinfo: Iterable[str], paths: Iterable[str]) -> List[str]:
    """The mounts at ``paths`` and in them that can be written to: what was read-only before stays so.

    ``mountinfo``: lines of /proc/self/mountinfo, see proc_pid_mountinfo(5).
    """
    found: List[str] = []
    for line in mountinfo:
        point, options = line.split(" ")[4:6]
        for code, sign in _ESCAPES:
            point = point.replace(code, sign)
        inside = any(point == path or point.startswith(path.rstrip("/") + "/") for path in paths)
        if inside and "rw" in options.split(","):
            found.append(point)
    return found


def _set_attributes(path: str, add: int, clear: int, flags: int) -> None:
    attributes = struct.pack("QQQQ", add, clear, 0, 0)
    call("mount_setattr", _AT_FDCWD, ctypes.c_char_p(os.fsencode(path)), flags, ctypes.c_char_p(attributes), 32)


def _mount(source: str, target: str, kind: Optional[str], flags: int, data: Optional[str] = None) -> None:
    words = [None if each is None else os.fsencode(each) for each in (source, target, kind)]
    given = None if data is None else data.encode()
    checked(int(libc().mount(*words, ctypes.c_ulong(flags), given)), f"mount {target}")


def forbids_programs_in_memory() -> bool:
    """Whether files that lie in memory alone cannot be executed by what has these process ids."""
    try:
        with open(_NO_PROGRAMS_IN_MEMORY, encoding="ascii") as file:
            return file.read().strip() == "2"
    except OSError:
        return False


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = bytearray(struct.pack("16sH22x", b"lo", 0))
        fcntl.ioctl(any_socket, _GET_FLAGS, request)
        (flags,) = struct.unpack_from("H", request, 16)
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH22x", b"lo", flags | _UP))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
