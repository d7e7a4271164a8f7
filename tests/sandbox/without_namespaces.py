"""Executes a program that can make no namespaces, as in many containers. Usage: without_namespaces.py PROGRAM …"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

UNSHARE = {"x86_64": 272, "aarch64": 97}
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, EPERM = 0x7FFF0000, 0x00050001
NO_NEW_PRIVS, SECCOMP, FILTER = 38, 22, 2

steps = [(LOAD, 0, 0, 0), (EQUAL, 0, 1, UNSHARE[os.uname().machine]), (RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOW)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
libc = ctypes.CDLL(None)
assert libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) == 0
assert libc.prctl(SECCOMP, FILTER, struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)), 0, 0) == 0
os.execvp(sys.argv[1], sys.argv[1:])
