"""Mounts: what there is of the file system for a process with mounts of its own, and what of it can be changed.

Source: mount_namespaces(7), mount(2), mount_setattr(2), proc_pid_mountinfo(5).
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from typing import Iterable, List, Optional, Sequence, Tuple

from weft.sandbox.kernel import call, checked, libc

HIDDEN = ("/run", "/tmp", "/var/run", "/var/tmp", "/home", "/root")  # noqa: S108 - what others put there is hidden
"""Where programs offer sockets by path to those of the same user, which no kernel's rules for files withhold."""

_BIND, _RECURSIVE, _SLAVE = 0x1000, 0x4000, 0x80000
_NOSUID, _NODEV, _NOEXEC = 0x2, 0x4, 0x8
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_READ_ONLY, _NO_SETUID = 0x1, 0x2
"""MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID."""
_ESCAPES = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\"))
"""What the kernel writes in mountinfo for what would end a field."""
_SHARED_MEMORY_BYTES = 64 * 1024 * 1024
_EMPTY = "size=1m,mode=755"
_MOST_LINKS = 40
"""As many as the kernel follows."""

Link = Tuple[str, str]
"""A symbolic link: where it is, and what it says."""


def part() -> None:
    """Let what is mounted here be seen here alone; what the machine's owner unmounts is gone here, too."""
    mount("none", "/", None, _RECURSIVE | _SLAVE)


def own_proc() -> None:
    """Let /proc show the processes of this namespace. Raises OSError."""
    mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)


def touches_hidden(path: str) -> bool:
    """Whether ``path`` lies in one of the places that are hidden, or one of them in it."""
    return any(lies_in(path, place) or lies_in(place, path) for place in HIDDEN)


def hide(keep: Iterable[str], links: Iterable[Link], places: Iterable[str] = HIDDEN) -> None:
    """Put an empty folder in each of ``places``, in which only what of ``keep`` was there is again, and the ``links``.

    A place that is kept itself stays as it is. Raises OSError.
    """
    own = outermost(keep)
    for place in outermost(places):
        if not any(lies_in(place, path) for path in own):
            _empty(place, [path for path in own if lies_in(path, place)])
            for path, text in links:
                if lies_in(path, place) and not os.path.lexists(path):
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    os.symlink(text, path)


def _empty(place: str, keep: Sequence[str]) -> None:
    handles = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in keep]
    mount("tmpfs", place, "tmpfs", _NOSUID | _NODEV | _NOEXEC, _EMPTY)
    for path, handle in zip(keep, handles):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            os.mkdir(path)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
        mount(f"/proc/self/fd/{handle}", path, None, _BIND | _RECURSIVE)
        os.close(handle)


def lies_in(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder``, or is in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def links_on(path: str) -> List[Link]:
    """The symbolic links that lead to what ``path`` names, in the order in which they are met."""
    found: List[Link] = []
    done, rest = "/", [part for part in os.path.abspath(path).split("/") if part]
    while rest and len(found) < _MOST_LINKS:
        here = os.path.normpath(os.path.join(done, rest.pop(0)))
        if os.path.islink(here):
            text = os.readlink(here)
            found.append((here, text))
            done, rest = ("/" if text.startswith("/") else done), [each for each in text.split("/") if each] + rest
        else:
            done = here
    return found


def freeze(writable: Iterable[str]) -> None:
    """Let nothing but ``writable`` be changed, in any mount. Raises OSError."""
    own = outermost(writable)
    for path in own:
        mount(path, path, None, _BIND | _RECURSIVE)
    with open("/proc/self/mountinfo", "rb", buffering=0) as file:  # decoders would touch more memory than all else here
        stay = writable_mounts(os.fsdecode(file.read()).rstrip("\n").split("\n"), own)
    _set_attributes("/", _READ_ONLY | _NO_SETUID, 0, _AT_RECURSIVE)
    for path in stay:
        _set_attributes(path, 0, _READ_ONLY, 0)
    if os.path.isdir("/dev/shm"):  # noqa: S108 - a mount of its own, nobody else's folder
        mount("tmpfs", "/dev/shm", "tmpfs", _NOSUID | _NODEV | _NOEXEC, f"size={_SHARED_MEMORY_BYTES}")  # noqa: S108


def outermost(paths: Iterable[str]) -> List[str]:
    """Those that exist and lead through no links, without the ones that lie in others."""
    found: List[str] = []
    for path in sorted(set(paths)):
        there = os.path.realpath(path) == path and os.path.exists(path)
        if there and not any(lies_in(path, each) for each in found):
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
        if any(lies_in(point, path) for path in paths) and "rw" in options.split(","):
            found.append(point)
    return found


def _set_attributes(path: str, add: int, clear: int, flags: int) -> None:
    attributes = struct.pack("QQQQ", add, clear, 0, 0)
    call("mount_setattr", _AT_FDCWD, ctypes.c_char_p(os.fsencode(path)), flags, ctypes.c_char_p(attributes), 32)


def mount(source: str, target: str, kind: Optional[str], flags: int, data: Optional[str] = None) -> None:
    words = [None if each is None else os.fsencode(each) for each in (source, target, kind)]
    given = None if data is None else data.encode()
    checked(int(libc().mount(*words, ctypes.c_ulong(flags), given)), f"mount {target}")
