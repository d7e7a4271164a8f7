"""Works on other processes."""

import ctypes
import fcntl
import os
import resource
import signal
import struct

from attempts import apart, call, offer, there


def kill_the_host():
    os.kill(there.host, signal.SIGTERM)


def kill_its_keeper():
    os.kill(there.keeper, signal.SIGKILL)


def kill_its_parent():
    os.kill(os.getppid(), signal.SIGTERM)


def kill_the_zygote():
    os.kill(there.zygote, signal.SIGKILL)


def kill_another_plugin():
    os.kill(there.neighbour, signal.SIGKILL)


def look_whether_the_host_is_there():
    os.kill(there.host, 0)


def kill_the_hosts_group():
    os.killpg(there.group, signal.SIGTERM)


def kill_a_thread_of_the_host():
    call(234, there.host, there.host, signal.SIGTERM)


def kill_by_a_descriptor():
    signal.pidfd_send_signal(os.pidfd_open(there.host), signal.SIGTERM)


def queue_a_signal():
    call(129, there.host, signal.SIGTERM, ctypes.create_string_buffer(struct.pack("iii", signal.SIGTERM, 0, -1), 128))


def signal_by_a_pipe():
    """To be seen at the host only: the kernel tells nobody that it did not send the signal."""
    readable, writable = os.pipe()
    fcntl.fcntl(readable, fcntl.F_SETOWN, there.host)
    fcntl.fcntl(readable, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(writable, b"x")
    raise PermissionError("sent, if at all")


def kill_everybody():
    """To be seen at the host and the neighbour only."""

    def everybody():
        os.kill(-1, signal.SIGTERM)

    apart(everybody)
    raise PermissionError("sent to those that it may")


def trace_the_host():
    call(101, 16, there.host, 0, 0)


def seize_the_host():
    call(101, 0x4206, there.host, 0, 0)


def trace_its_keeper():
    call(101, 16, os.getppid(), 0, 0)


def vectors(address):
    return ctypes.create_string_buffer(struct.pack("QQ", address, 8))


def read_memory_of_the_host():
    own = ctypes.create_string_buffer(8)
    return call(310, there.host, vectors(ctypes.addressof(own)), 1, vectors(there.address), 1, 0)


def write_memory_of_the_host():
    own = ctypes.create_string_buffer(8)
    return call(311, there.host, vectors(ctypes.addressof(own)), 1, vectors(there.address), 1, 0)


def take_a_descriptor_of_the_host():
    return call(438, os.pidfd_open(there.host), 0, 0)


def take_a_descriptor_of_its_keeper():
    return call(438, os.pidfd_open(os.getppid()), 3, 0)


def compare_with_the_host():
    return call(312, os.getpid(), there.host, 0, 0, 0)


def limit_the_host():
    resource.prlimit(there.host, resource.RLIMIT_NOFILE, (3, 3))


def slow_the_host():
    os.setpriority(os.PRIO_PROCESS, there.host, 19)


def slow_everything_of_the_user():
    """To be seen at the host only."""
    os.setpriority(os.PRIO_USER, os.getuid(), 18)
    raise PermissionError("those that it may")


def move_the_host():
    os.sched_setaffinity(there.host, {0})


def idle_the_host():
    os.sched_setscheduler(there.host, os.SCHED_IDLE, os.sched_param(0))


app = offer(globals())
