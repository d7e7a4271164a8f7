"""Reads what belongs to others."""

import ctypes
import os
import socket
import struct

from attempts import call, data, libc, offer, there


def read(path):
    with open(path, "rb") as file:
        return file.read(20)


def shadow():
    return read("/etc/shadow")


def ssh_key():
    return read(there.ssh_key)


def token():
    return read(there.token)


def data_of_another():
    return read(there.other)


def list_a_home():
    return os.listdir(there.home)


def list_the_root():
    return os.listdir("/")


def environment_of_the_host():
    return read(f"/proc/{there.host}/environ")


def memory_of_the_host():
    return read(f"/proc/{there.host}/mem")


def files_of_the_host():
    return os.listdir(f"/proc/{there.host}/fd")


def command_of_the_host():
    return read(f"/proc/{there.host}/cmdline")


def root_of_the_host():
    return read(f"/proc/{there.host}/root{there.ssh_key}")


def environment_of_its_keeper():
    return read(f"/proc/{os.getppid()}/environ")


def memory_of_its_keeper():
    return read(f"/proc/{os.getppid()}/mem")


def files_of_its_keeper():
    return os.readlink(f"/proc/{os.getppid()}/fd/3")


def environment_of_the_first():
    return read("/proc/1/environ")


def environment_of_the_zygote():
    return read(f"/proc/{there.zygote}/environ")


def environment_of_another_plugin():
    return read(f"/proc/{there.neighbour}/environ")


def memory_of_the_machine():
    return read("/dev/mem")


def memory_of_the_kernel():
    return read("/proc/kcore")


def messages_of_the_kernel():
    return read("/dev/kmsg")


def disks():
    return [read(f"/dev/{name}") for name in os.listdir("/sys/block")]


def by_a_symbolic_link():
    link = f"{data}/link"
    os.symlink(there.ssh_key, link)
    return read(link)


def by_a_link_to_a_folder():
    os.symlink(os.path.dirname(there.ssh_key), f"{data}/folder")
    return os.listdir(f"{data}/folder")


def by_a_hard_link():
    os.link(there.ssh_key, f"{data}/hard")
    return read(f"{data}/hard")


def by_dots():
    return read(f"{data}/../../../../../../../..{there.ssh_key}")


def by_its_root():
    return read(f"/proc/self/root{there.ssh_key}")


def by_a_descriptor_that_names_it():
    descriptor = os.open(there.ssh_key, os.O_PATH)
    return read(f"/proc/self/fd/{descriptor}")


def by_a_folder_that_is_named():
    descriptor = os.open("/", os.O_PATH)
    return os.open(there.ssh_key.lstrip("/"), os.O_RDONLY, dir_fd=descriptor)


def by_a_handle():
    mount, handle = ctypes.c_int(), ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    if libc.name_to_handle_at(-100, there.ssh_key.encode(), handle, ctypes.byref(mount), 0) < 0:
        raise OSError(ctypes.get_errno(), "name_to_handle_at")
    return libc.open_by_handle_at(os.open("/", os.O_PATH), handle, 0) >= 0 or call(304, -1, handle, 0)


def by_renaming_it_here():
    os.rename(there.ssh_key, f"{data}/taken")
    return read(f"{data}/taken")


def by_a_core_dump():
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20))


def by_a_socket_of_the_same_user():
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(there.socket_path)
        return client.recv(20)


app = offer(globals())
