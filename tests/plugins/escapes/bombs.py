"""Uses up what there is of a thing: memory, processes, the disk in its data folder."""

import os
import time

from attempts import data, offer


def memory():
    taken = []
    while True:
        taken.append(bytearray(os.urandom(1 << 16) * 16))


def memory_of_a_child():
    if os.fork() == 0:
        memory()
    time.sleep(30)


def processes():
    """Each forks on, as long as it can, and for half a minute."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            os.fork()
        except OSError:
            time.sleep(0.1)
    os._exit(0)


def disk():
    with open(f"{data}/large", "wb") as file:
        while True:
            file.write(bytes(1 << 20))
            file.flush()


def disk_in_many_files():
    for number in range(1 << 20):
        with open(f"{data}/{number}", "wb") as file:
            file.write(bytes(1 << 20))


def empty_files():
    for number in range(20_000):
        os.mknod(f"{data}/{number}")
    time.sleep(60)


app = offer(globals())
