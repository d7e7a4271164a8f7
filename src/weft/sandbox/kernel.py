"""System calls that Python has no function for, by name, on the machines whose numbers are known."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import sys
from functools import cache
from typing import Any, Mapping

LINUX = sys.platform == "linux"

_X86_64 = {
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "process_madvise": 440, "kcmp": 312,
    "pidfd_getfd": 438, "mount": 165, "umount2": 166, "pivot_root": 155, "move_mount": 429, "open_tree": 428,
    "open_tree_attr": 467, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442,
    "chroot": 161, "unshare": 272, "setns": 308, "kexec_load": 246, "kexec_file_load": 320, "bpf": 321,
    "add_key": 248, "request_key": 249, "keyctl": 250, "io_uring_setup": 425, "io_uring_enter": 426,
    "io_uring_register": 427, "perf_event_open": 298, "userfaultfd": 323, "init_module": 175, "finit_module": 313,
    "delete_module": 176, "reboot": 169, "swapon": 167, "swapoff": 168, "acct": 163, "quotactl": 179,
    "quotactl_fd": 443, "settimeofday": 164, "clock_settime": 227, "clock_adjtime": 305, "adjtimex": 159,
    "syslog": 103, "iopl": 172, "ioperm": 173, "modify_ldt": 154, "vhangup": 153, "sethostname": 170,
    "setdomainname": 171, "fanotify_init": 300, "open_by_handle_at": 304, "lookup_dcookie": 212, "nfsservctl": 180,
    "uselib": 134, "sysfs": 139, "_sysctl": 156, "ustat": 136, "create_module": 174, "query_module": 178,
    "migrate_pages": 256, "move_pages": 279, "memfd_secret": 447, "clone": 56, "clone3": 435, "socket": 41,
    "ioctl": 16, "memfd_create": 319, "openat2": 437, "personality": 135, "seccomp": 317,
    "landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446, "capset": 126,
    "socketpair": 53, "sendto": 44, "sendmsg": 46, "sendmmsg": 307, "prlimit64": 302, "setpriority": 141,
    "ioprio_set": 251, "sched_setparam": 142, "sched_setscheduler": 144, "sched_setattr": 314, "sched_setaffinity": 203,
    "shmget": 29, "shmat": 30, "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66, "semtimedop": 220,
    "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "fcntl": 72,
}  # fmt: skip

_AARCH64 = {
    "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "process_madvise": 440, "kcmp": 272,
    "pidfd_getfd": 438, "mount": 40, "umount2": 39, "pivot_root": 41, "move_mount": 429, "open_tree": 428,
    "open_tree_attr": 467, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442,
    "chroot": 51, "unshare": 97, "setns": 268, "kexec_load": 104, "kexec_file_load": 294, "bpf": 280,
    "add_key": 217, "request_key": 218, "keyctl": 219, "io_uring_setup": 425, "io_uring_enter": 426,
    "io_uring_register": 427, "perf_event_open": 241, "userfaultfd": 282, "init_module": 105, "finit_module": 273,
    "delete_module": 106, "reboot": 142, "swapon": 224, "swapoff": 225, "acct": 89, "quotactl": 60,
    "quotactl_fd": 443, "settimeofday": 170, "clock_settime": 112, "clock_adjtime": 266, "adjtimex": 171,
    "syslog": 116, "vhangup": 58, "sethostname": 161, "setdomainname": 162, "fanotify_init": 262,
    "open_by_handle_at": 265, "lookup_dcookie": 18, "nfsservctl": 42, "migrate_pages": 238, "move_pages": 239,
    "memfd_secret": 447, "clone": 220, "clone3": 435, "socket": 198, "ioctl": 29, "memfd_create": 279, "openat2": 437,
    "personality": 92, "seccomp": 277, "landlock_create_ruleset": 444,
    "landlock_add_rule": 445, "landlock_restrict_self": 446, "capset": 91, "socketpair": 199, "sendto": 206,
    "sendmsg": 211, "sendmmsg": 269, "prlimit64": 261, "setpriority": 140, "ioprio_set": 30, "sched_setparam": 118,
    "sched_setscheduler": 119, "sched_setattr": 274, "sched_setaffinity": 122, "shmget": 194, "shmat": 196,
    "shmctl": 195, "semget": 190, "semop": 193, "semctl": 191, "semtimedop": 192, "msgget": 186, "msgsnd": 189,
    "msgrcv": 188, "msgctl": 187, "fcntl": 25,
}  # fmt: skip

NUMBERS: Mapping[str, Mapping[str, int]] = {"x86_64": _X86_64, "aarch64": _AARCH64}
"""System call numbers by machine, from the kernel's asm/unistd.h of each."""

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36


@cache
def machine() -> str:
    """The machine's name, as NUMBERS has them."""
    return {"arm64": "aarch64"}.get(platform.machine(), platform.machine())


def numbers() -> Mapping[str, int]:
    """The numbers of this machine; empty where they are not known."""
    return NUMBERS.get(machine(), {}) if LINUX else {}


@cache
def libc() -> Any:
    """The C library, whose calls set ``ctypes.get_errno()``."""
    return ctypes.CDLL(None, use_errno=True)


@cache
def _libc_of_one_thread() -> Any:
    """The same, whose calls let no other thread of Python run meanwhile."""
    return ctypes.PyDLL(None, use_errno=True)


def checked(result: int, what: str) -> int:
    """``result`` of a C function, or OSError that says ``what`` failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def call(name: str, *args: Any) -> int:
    """Make the system call ``name``. Raises OSError; ENOSYS where its number is not known."""
    number = numbers().get(name)
    if number is None:
        raise OSError(38, f"{name}: not known on this machine ({sys.platform}, {machine()})")
    return checked(int(libc().syscall(ctypes.c_long(number), *(_word(each) for each in args))), name)


def _word(value: Any) -> Any:
    return ctypes.c_long(value) if isinstance(value, int) else value


def prctl(option: int, *args: int) -> int:
    """Make the call prctl. Raises OSError."""
    words = [ctypes.c_ulong(each) for each in (*args, 0, 0, 0, 0)[:4]]
    return checked(int(libc().prctl(ctypes.c_int(option), *words)), f"prctl {option}")


def fork() -> int:
    """``os.fork`` for a process of one thread, without what Python does in the child because of other threads.

    That writes to 0.6 MiB of the memory that the child shares. Nor does it run what modules registered for a fork: none
    may be loaded that has to be told. Raises OSError.
    """
    return checked(int(_libc_of_one_thread().fork()), "fork") if LINUX else os.fork()


def release_zeros(address: int, size: int) -> None:
    """Give pages that hold nothing but zeros back to the system, which makes them anew when they are touched."""
    page = mmap.PAGESIZE
    zeros = bytes(page)
    for at in range(-(-address // page) * page, (address + size) // page * page, page):
        if LINUX and ctypes.string_at(at, page) == zeros:
            libc().madvise(ctypes.c_void_p(at), ctypes.c_size_t(page), mmap.MADV_DONTNEED)


def adopt_orphans() -> bool:
    """Make processes below this one, whose parents end, its children. False where the system has no such thing."""
    if LINUX:
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
    return LINUX


def die_with_parent() -> None:
    """End this process when its parent does, where the system can."""
    if LINUX:
        prctl(_PR_SET_PDEATHSIG, 9)


def set_process_name(name: str) -> None:
    """What ``ps -o comm`` and ``top`` show: the first 15 bytes of ``name``, where the system can."""
    if LINUX:
        checked(int(libc().prctl(_PR_SET_NAME, name.encode("utf-8", "replace")[:15], 0, 0, 0)), "prctl PR_SET_NAME")
