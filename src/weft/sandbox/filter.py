"""Which system calls are refused, and the filter that says so to the kernel: pure.

Source: the kernel's Documentation/userspace-api/seccomp_filter.rst, include/uapi/linux/{bpf_common,seccomp,audit}.h.
"""

from __future__ import annotations

import socket
import struct
from typing import List, Mapping, NamedTuple, Tuple

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
SHARED = (
    "shmget",
    "shmat",
    "shmctl",
    "semget",
    "semop",
    "semctl",
    "semtimedop",
    "msgget",
    "msgsnd",
    "msgrcv",
    "msgctl",
)
"""What reaches every process of the same user where there are no namespaces; refused there."""
_OF_A_PROCESS = ("prlimit64", "sched_setparam", "sched_setscheduler", "sched_setattr", "sched_setaffinity")
"""The same, of calls whose first argument is a process: 0 is the caller."""

_FAMILIES = 64
"""More than any kernel has."""
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
_LEASES = (1024, 1040)
"""F_SETLEASE and F_SETDELEG: who may read a file of its own user's can keep others from opening it to write, or from
changing the names in a folder, for 45 s each time."""
_PERSONALITY_ASKED = 0xFFFFFFFF
_SEALED = (0x8, 0x9, 0xA, 0xB)
"""MFD_NOEXEC_SEAL, with and without MFD_CLOEXEC and MFD_ALLOW_SEALING: files in memory that can never be executed."""
_PRIO_PROCESS, _IOPRIO_PROCESS = 0, 1
_MSG_FASTOPEN = 0x20000000
_IPPROTO_SMC, _IPPROTO_MPTCP = 256, 262
"""Ways to connect by TCP of which Landlock, which knows the ports, is not asked."""

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCH, _FIRST_ARG = 0, 4, 16
"""Offsets in struct seccomp_data; of an argument its lower half, on these little-endian machines."""
_X32 = 0x40000000

Step = Tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""


def refuse(errno: int) -> int:
    """The verdict that makes a call fail with ``errno``."""
    return 0x00050000 | errno


class Scope(NamedTuple):
    """What is left to the filter. ``network``: see FAMILIES; ``ports``: whether TCP ports are narrowed.

    ``memory_files``: whether a file in memory may be made that could be executed. ``outside``: whether other processes
    of the same user are in reach, since there are no namespaces.
    """

    network: str
    ports: bool
    memory_files: bool
    outside: bool


def program(machine: str, numbers: Mapping[str, int], scope: Scope, refusal: int) -> bytes:
    """The filter for a machine: struct sock_filter, 8 bytes a step. ``refusal``: the verdict for what is refused."""
    steps: List[Step] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        steps += _when(_ANY_BIT, _X32, refusal)
    for name in (*REFUSED, *(SHARED if scope.outside else ())):
        if name in numbers:
            steps += _when(_EQUAL, numbers[name], refusal)
    for name in ABSENT:
        steps += _when(_EQUAL, numbers[name], refuse(ENOSYS))
    for test in (*_always(scope), *(_PORTS if scope.ports else ()), *(_OUTSIDE if scope.outside else ())):
        steps += _check(numbers[test.call], test, refusal)
    steps.append((_RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


class Check(NamedTuple):
    """The call is refused where its argument (0 for the first) is ``none_of`` or has ``bits``, or is not ``one_of``."""

    call: str
    argument: int
    one_of: Tuple[int, ...] = ()
    none_of: Tuple[int, ...] = ()
    bits: int = 0


def _always(scope: Scope) -> List[Check]:
    families = FAMILIES[scope.network]
    checks = [
        Check("socket", 0, one_of=families),
        Check("socketpair", 0, one_of=families),
        Check("clone", 0, bits=_NEW_NAMESPACES),
        Check("personality", 0, one_of=(0, _PERSONALITY_ASKED)),
        Check("ioctl", 1, none_of=(_TIOCSTI, _TIOCLINUX)),
        Check("fcntl", 1, none_of=_LEASES),
    ]
    return checks if scope.memory_files else [*checks, Check("memfd_create", 1, one_of=_SEALED)]


_PORTS = (
    Check("socket", 2, none_of=(_IPPROTO_SMC, _IPPROTO_MPTCP)),
    Check("sendto", 3, bits=_MSG_FASTOPEN),
    Check("sendmsg", 2, bits=_MSG_FASTOPEN),
    Check("sendmmsg", 3, bits=_MSG_FASTOPEN),
)
_OUTSIDE = (
    *(Check(name, 0, one_of=(0,)) for name in _OF_A_PROCESS),
    Check("setpriority", 0, one_of=(_PRIO_PROCESS,)),
    Check("setpriority", 1, one_of=(0,)),
    Check("ioprio_set", 0, one_of=(_IOPRIO_PROCESS,)),
    Check("ioprio_set", 1, one_of=(0,)),
)


def _when(test: int, operand: int, verdict: int) -> List[Step]:
    return [(test, 0, 1, operand), (_RETURN, 0, 0, verdict)]


def _check(number: int, check: Check, refusal: int) -> List[Step]:
    """Refuse the call ``number`` where the check fails; else go on, with the number loaded."""
    body: List[Step] = [(_LOAD, 0, 0, _FIRST_ARG + 8 * check.argument)]
    for each in check.none_of:
        body += _when(_EQUAL, each, refusal)
    if check.bits:
        body += _when(_ANY_BIT, check.bits, refusal)
    for at, each in enumerate(check.one_of):
        body.append((_EQUAL, len(check.one_of) - at, 0, each))
    if check.one_of:
        body.append((_RETURN, 0, 0, refusal))
    body.append((_LOAD, 0, 0, _NUMBER))
    return [(_EQUAL, 0, len(body), number), *body]


def family_name(number: int) -> str:
    """A family of sockets in words: ``AF_INET``, or ``family 45``; of those that no kernel has, one for all."""
    try:
        return socket.AddressFamily(number).name
    except ValueError:
        return f"family {number}" if number < _FAMILIES else "no known family"
