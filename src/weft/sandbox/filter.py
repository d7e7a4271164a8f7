"""Which system calls are refused, and the filter that says so to the kernel: pure.

Source: the kernel's Documentation/userspace-api/seccomp_filter.rst, include/uapi/linux/{bpf_common,seccomp,audit}.h.
"""

from __future__ import annotations

import socket
import struct
from typing import List, Mapping, Sequence, Tuple

REFUSED = (
    # what looks into other processes or works on them
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd", "perf_event_open",
    "migrate_pages", "move_pages",
    # what changes the file system's tree
    "mount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount",
    "fspick", "mount_setattr", "chroot", "quotactl", "quotactl_fd", "open_by_handle_at", "fanotify_init",
    # what leaves or makes namespaces
    "unshare", "setns",
    # what changes the kernel or the machine
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module", "query_module",
    "reboot", "swapon", "swapoff", "acct", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname",
    "setdomainname", "vhangup", "syslog", "iopl", "ioperm", "modify_ldt", "bpf",
    # large interfaces that no plugin needs, and many flaws of the past
    "add_key", "request_key", "keyctl", "userfaultfd", "memfd_secret",
    "lookup_dcookie", "nfsservctl", "uselib", "sysfs", "_sysctl", "ustat",
)  # fmt: skip
"""System calls that no plugin needs."""
ABSENT = ("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3")
"""Calls that are answered as if the kernel had none, which is nothing to tell: libraries try them and do without.

io_uring goes past every filter; of clone3 no filter sees the flags, and ``clone`` takes its place.
"""

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
FAMILIES: Mapping[str, Tuple[int, ...]] = {
    "none": (AF_UNIX,),
    "loopback": (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK),
    "outbound": (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK),
}
"""Families of sockets by ``permissions.network``. AF_NETLINK: resolvers ask which addresses this machine has."""

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""AUDIT_ARCH of each machine: a call by another one's convention (a 32-bit program) is refused whole."""

ALLOW, KILL, NOTIFY = 0x7FFF0000, 0x80000000, 0x7FC00000
EPERM, ENOSYS = 1, 38
_NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x00000080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME."""
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
"""What types into somebody's terminal."""
_PERSONALITY_ASKED = 0xFFFFFFFF
_NO_EXEC = 0x8
"""MFD_NOEXEC_SEAL: a file in memory that can never be executed."""

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCH, _FIRST_ARG = 0, 4, 16
"""Offsets in struct seccomp_data; of an argument its lower half, on these little-endian machines."""
_X32 = 0x40000000

Step = Tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""


def refuse(errno: int) -> int:
    """The verdict that makes a call fail with ``errno``."""
    return 0x00050000 | errno


def program(machine: str, numbers: Mapping[str, int], network: str, refusal: int, *, memory_files: bool) -> bytes:
    """The filter for a machine: struct sock_filter, 8 bytes a step. ``refusal``: the verdict for what is refused.

    ``memory_files``: whether a file in memory may be made that could be executed.
    """
    steps: List[Step] = [
        (_LOAD, 0, 0, _ARCH),
        *_if(_EQUAL, ARCHITECTURES[machine], otherwise=KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        steps += _when(_ANY_BIT, _X32, refusal)
    for name in REFUSED:
        if name in numbers:
            steps += _when(_EQUAL, numbers[name], refusal)
    for name in ABSENT:
        steps += _when(_EQUAL, numbers[name], refuse(ENOSYS))
    steps += _argument(numbers["clone"], [(_ANY_BIT, _NEW_NAMESPACES, refusal)], ALLOW)
    steps += _argument(numbers["socket"], [(_EQUAL, each, ALLOW) for each in FAMILIES[network]], refusal)
    steps += _argument(numbers["personality"], [(_EQUAL, each, ALLOW) for each in (0, _PERSONALITY_ASKED)], refusal)
    steps += _second_argument(numbers["ioctl"], [(_EQUAL, each, refusal) for each in (_TIOCSTI, _TIOCLINUX)], ALLOW)
    if not memory_files:
        steps += _second_argument(numbers["memfd_create"], [(_ANY_BIT, _NO_EXEC, ALLOW)], refusal)
    steps.append((_RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _when(test: int, operand: int, verdict: int) -> List[Step]:
    return [(test, 0, 1, operand), (_RETURN, 0, 0, verdict)]


def _if(test: int, operand: int, *, otherwise: int) -> List[Step]:
    return [(test, 1, 0, operand), (_RETURN, 0, 0, otherwise)]


def _argument(number: int, tests: Sequence[Tuple[int, int, int]], otherwise: int, at: int = _FIRST_ARG) -> List[Step]:
    """Of the call ``number``: the verdict of the first test that holds for its argument, else ``otherwise``."""
    body: List[Step] = [(_LOAD, 0, 0, at)]
    for test in tests:
        body += _when(*test)
    body.append((_RETURN, 0, 0, otherwise))
    return [(_EQUAL, 0, len(body), number), *body]


def _second_argument(number: int, tests: Sequence[Tuple[int, int, int]], otherwise: int) -> List[Step]:
    return _argument(number, tests, otherwise, _FIRST_ARG + 8)


def family_name(number: int) -> str:
    """A family of sockets in words: ``AF_INET``, or ``family 99``."""
    try:
        return socket.AddressFamily(number).name
    except ValueError:
        return f"family {number}"
