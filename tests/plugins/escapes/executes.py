"""Runs programs that it was not given."""

import ctypes
import os
import shutil
import subprocess
import sys

from attempts import data, libc, offer

SHELL = os.path.realpath("/bin/sh")


def _run(*argv, **options):
    return subprocess.run(argv, capture_output=True, check=True, timeout=10, **options).stdout


def shell():
    return _run("/bin/sh", "-c", "echo escaped")


def by_system():
    return os.system("true") == 0 or _run("/nowhere")


def git():
    return _run("/usr/bin/git", "--version")


def copied():
    """Its interpreter may be read; a copy of it is another program."""
    shutil.copy(os.path.realpath(sys.executable), f"{data}/copied")
    os.chmod(f"{data}/copied", 0o755)
    return _run(f"{data}/copied", "-c", "print('escaped')")


def script():
    with open(f"{data}/script", "w") as file:
        file.write(f"#!{os.path.realpath(sys.executable)} -IS\nprint('escaped')\n")
    os.chmod(f"{data}/script", 0o755)
    return _run(f"{data}/script")


def in_memory():
    descriptor = os.memfd_create("program", 0)
    with open(os.path.realpath(sys.executable), "rb") as program:
        os.write(descriptor, program.read())
    return _run(f"/proc/self/fd/{descriptor}", "-c", "print('escaped')", pass_fds=(descriptor,))


def in_memory_by_descriptor():
    descriptor = os.memfd_create("program", 0)
    with open(os.path.realpath(sys.executable), "rb") as program:
        os.write(descriptor, program.read())
    child = os.fork()
    if child == 0:
        arguments = (ctypes.c_char_p * 4)(b"program", b"-c", b"", None)
        libc.syscall(ctypes.c_long(322), descriptor, b"", arguments, None, 0x1000)
        os._exit(ctypes.get_errno() or 1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, os.strerror(code))


def shell_by_its_loader():
    loader = next(path for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(path))
    return _run(loader, SHELL, "-c", "echo escaped")


def raises_its_rights():
    return _run("/usr/bin/su", "-c", "true")


def tool_among_the_libraries():
    return _run("/usr/lib/git-core/git", "--version")


def own_interpreter():
    return _run(sys.executable, "-c", "print('allowed')")


def itself():
    return _run("/proc/self/exe", "-c", "print('allowed')")


app = offer(globals())
