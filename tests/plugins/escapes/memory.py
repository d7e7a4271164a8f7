"""Shares memory and queues with those who did not ask for it."""

import ctypes
import os

from attempts import libc, offer, there


def checked(result):
    if result is None or result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def memory_by_path():
    with open(f"/dev/shm/{there.shared}", "rb") as file:
        return file.read()


def memory_by_key():
    return checked(libc.shmget(there.key, 0, 0o600))


def memory_by_number():
    libc.shmat.restype = ctypes.c_ssize_t
    return checked(libc.shmat(there.segment, None, 0o10000))


def remove_memory():
    return checked(libc.shmctl(there.segment, 0, None))


def queue():
    return checked(libc.mq_open(there.queue.encode(), os.O_RDWR))


def messages():
    return checked(libc.msgget(there.key, 0o600))


def semaphores():
    return checked(libc.semget(there.key, 1, 0o600))


app = offer(globals())
