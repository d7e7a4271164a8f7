"""Makes system calls that no plugin needs, or undoes what binds it."""

import ctypes
import fcntl
import mmap
import os

from attempts import apart, call, libc, offer


def mount():
    return call(165, b"none", b"/mnt", b"tmpfs", 0, 0)


def open_a_tree():
    return call(428, -100, b"/", 1)


def root():
    os.chroot(".")


def new_user_namespace():
    return call(272, 0x10000000)


def new_mounts():
    return call(272, 0x00020000)


def another_namespace():
    return call(308, os.open("/proc/self/ns/net", os.O_RDONLY), 0)


def clone_with_a_namespace():
    return apart(lambda: call(56, 0x10000000 | 17, 0, 0, 0, 0))


def clone_by_the_new_call():
    return apart(lambda: call(435, ctypes.create_string_buffer(b"\0\0\0\x10", 88), 88))


def keys():
    return call(250, 0, -3, 1)


def program_in_the_kernel():
    return call(321, 0, ctypes.create_string_buffer(128), 128)


def page_faults():
    return call(323, 1)


def counters():
    return call(298, ctypes.create_string_buffer(b"\1\0\0\0\x70\0\0\0", 128), 0, -1, -1, 0)


def personality():
    return call(135, 0x0040000)


def messages():
    return call(103, 10, 0, 0)


def module():
    return call(175, 0, 0, b"")


def reboot():
    return call(169, 0, 0, 0, 0)


def clock():
    return call(227, 0, ctypes.create_string_buffer(16))


def host_name():
    return call(170, b"escaped", 7)


def swap():
    return call(168, b"/none")


def secret_memory():
    return call(447, 0)


def type_into_a_terminal():
    _, terminal = os.openpty()
    fcntl.ioctl(terminal, 0x5412, b"x")


def type_into_a_descriptor():
    fcntl.ioctl(0, 0x5412, b"x")


def type_with_high_bits():
    return call(16, 0, 0x5412 | 1 << 40, b"x")


def gain_rights_again():
    return call(157, 38, 0, 0, 0, 0)


def lack_of_rights():
    """What it holds of capabilities, in words; refused where there is none."""
    with open("/proc/self/status") as file:
        lines = dict(line.rstrip().split(":\t", 1) for line in file if line.startswith(("Cap", "NoNew", "Seccomp:")))
    held = {name: value for name, value in lines.items() if name in ("CapPrm", "CapEff", "CapAmb") and int(value, 16)}
    if not held and lines["NoNewPrivs"] == "1" and lines["Seccomp"] == "2":
        raise PermissionError("none")
    return lines


def another_user():
    os.setresuid(1, 1, 1)


def no_groups():
    os.setgroups([1])


def listener_of_its_own():
    """A filter that would let it answer its own refused calls."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))

    allow = b"\x06\0\0\0\0\0\xff\x7f"
    return call(317, 1, 1 << 3, ctypes.byref(Program(1, allow)))


def call_as_32_bits():
    return apart(lambda: machine_code(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"))  # mov eax, getpid; int 0x80; ret


def machine_code(code):
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def call_as_x32():
    return call(0x40000000 | 39)


def flood_of_refused_calls():
    """Each under a name of its own, if it can have one."""
    for number in range(3000):
        libc.syscall(ctypes.c_long(41), 1000 + number, 1, 0)
        libc.syscall(ctypes.c_long(0x40000000 | number))
    raise PermissionError("all of them")


app = offer(globals())
