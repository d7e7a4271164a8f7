"""Landlock: which files, TCP ports, signals and abstract sockets this process and all below it may reach.

Source: the kernel's Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from typing import Iterable, Optional

from weft.sandbox.kernel import call

_VERSION = 1
"""Flag of landlock_create_ruleset that asks for the version of the interface."""
_PATH, _PORT = 1, 2
"""Types of rules."""

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK, _REFER, _TRUNCATE, _IOCTL = 1 << 6, 1 << 11, 1 << 13, 1 << 14, 1 << 15
_FIRST = (1 << 13) - 1
"""Every right on files of version 1."""
_BIND_TCP, _CONNECT_TCP = 1, 2
_SCOPE_SOCKETS, _SCOPE_SIGNALS = 1, 2

READ = READ_FILE | READ_DIR
RUN = READ | EXECUTE
_ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | _IOCTL
"""Rights that make sense on what is no folder."""

_CURRENT_FOLDER, _NO_LINKS = -100, 0x04
"""AT_FDCWD, and RESOLVE_NO_SYMLINKS of openat2(2), which is older than Landlock."""

FILES, LINKS, TRUNCATION, PORTS, DEVICES, SCOPES = 1, 2, 3, 4, 5, 6
"""The versions with which each came."""


def version() -> int:
    """The version of the kernel's interface; 0 where there is none, or it is switched off."""
    try:
        return call("landlock_create_ruleset", None, 0, _VERSION)
    except OSError:
        return 0


def file_rights(abi: int) -> int:
    """Every right on files that version ``abi`` can withhold."""
    newer = ((LINKS, _REFER), (TRUNCATION, _TRUNCATE), (DEVICES, _IOCTL))
    return _FIRST | sum(right for since, right in newer if abi >= since)


def write_rights(abi: int) -> int:
    """What may be done in a folder that is writable: all but to run programs from it and to make devices."""
    return file_rights(abi) & ~(EXECUTE | _MAKE_CHAR | _MAKE_BLOCK)


class Ruleset:
    """Rules that are gathered, then put in force. Files are refused unless a rule allows; ``close`` when done.

    ``ports``: whether TCP connections are refused, too. Raises OSError.
    """

    def __init__(self, abi: int, *, ports: bool = False) -> None:
        self._abi = abi
        self._files = file_rights(abi)
        attributes = struct.pack(
            "QQQ",
            self._files,
            _CONNECT_TCP if ports and abi >= PORTS else 0,
            _SCOPE_SOCKETS | _SCOPE_SIGNALS if abi >= SCOPES else 0,
        )
        size = 24 if abi >= SCOPES else 16 if abi >= PORTS else 8
        self._descriptor = call("landlock_create_ruleset", ctypes.c_char_p(attributes), size, 0)

    def allow(self, paths: Iterable[str], rights: int, *, links: bool = False) -> None:
        """Allow ``rights`` on these paths and all below them. Those that do not exist are left out.

        ``links``: whether they may lead through symbolic links; otherwise one that does is left out.
        """
        for path in paths:
            descriptor = _open(path, links=links)
            if descriptor is not None:
                try:
                    self._allow_beneath(descriptor, rights & self._files)
                finally:
                    os.close(descriptor)

    def _allow_beneath(self, descriptor: int, rights: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _ON_FILES
        rule = struct.pack("=Qi", rights, descriptor)
        call("landlock_add_rule", self._descriptor, _PATH, ctypes.c_char_p(rule), 0)

    def allow_port(self, port: int) -> None:
        """Allow TCP connections to ``port``."""
        rule = struct.pack("=QQ", _CONNECT_TCP, port)
        call("landlock_add_rule", self._descriptor, _PORT, ctypes.c_char_p(rule), 0)

    def enforce(self) -> None:
        """Put the rules in force for this process, for ever. It must have no_new_privs set."""
        call("landlock_restrict_self", self._descriptor, 0)

    def close(self) -> None:
        """Let go of the rules; what is in force stays so."""
        os.close(self._descriptor)


def _open(path: str, *, links: bool) -> Optional[int]:
    """A descriptor that names the file, for which the file itself need not be readable."""
    try:
        if links:
            return os.open(path, os.O_PATH | os.O_CLOEXEC)
        how = struct.pack("QQQ", os.O_PATH | os.O_CLOEXEC, 0, _NO_LINKS)
        return call("openat2", _CURRENT_FOLDER, ctypes.c_char_p(os.fsencode(path)), ctypes.c_char_p(how), len(how))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP):
            return None
        raise
