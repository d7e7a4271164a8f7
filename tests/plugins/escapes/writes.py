"""Changes what belongs to others."""

import fcntl
import os
import stat

from attempts import data, offer, there


def write(path, flags=os.O_WRONLY):
    descriptor = os.open(path, flags)
    try:
        return os.write(descriptor, b"escaped\n")
    finally:
        os.close(descriptor)


def over_a_file():
    return write(there.file)


def after_a_file():
    return write(there.file, os.O_WRONLY | os.O_APPEND)


def new_file():
    return write(f"{there.home}/new", os.O_WRONLY | os.O_CREAT)


def new_file_for_everybody():
    return write("/tmp/escaped", os.O_WRONLY | os.O_CREAT)


def file_without_a_name():
    return os.open(there.home, os.O_TMPFILE | os.O_RDWR)


def truncate():
    os.truncate(there.file, 0)


def truncate_by_opening():
    os.close(os.open(there.file, os.O_RDONLY | os.O_TRUNC))


def mode():
    os.chmod(there.file, 0o666)


def owner():
    os.chown(there.file, os.getuid(), os.getgid())


def times():
    os.utime(there.file, (0, 0))


def attribute():
    os.setxattr(there.file, "user.escaped", b"1")


def flags_of_its_own_code():
    with open(__file__) as file:
        fcntl.ioctl(file, 0x40086602, b"\x40\0\0\0\0\0\0\0")  # FS_IOC_SETFLAGS, FS_NODUMP_FL


def remove():
    os.unlink(there.file)


def folder():
    os.mkdir(f"{there.home}/folder")


def remove_a_folder():
    os.rmdir(there.empty)


def hard_link_out():
    write(f"{data}/own", os.O_WRONLY | os.O_CREAT)
    os.link(f"{data}/own", f"{there.home}/linked")


def rename_out():
    write(f"{data}/moved", os.O_WRONLY | os.O_CREAT)
    os.rename(f"{data}/moved", f"{there.home}/moved")


def rename_its_data_folder():
    os.rename(data, f"{data}-moved")


def replace_its_data_folder():
    os.symlink(there.home, f"{data}-link")
    os.rename(f"{data}-link", data)


def symbolic_link_out():
    os.symlink("/etc/passwd", f"{there.home}/link")


def by_a_symbolic_link():
    os.symlink(there.file, f"{data}/through")
    return write(f"{data}/through")


def by_its_root():
    return write(f"/proc/self/root{there.file}")


def pipe_with_a_name():
    os.mkfifo(f"{there.home}/pipe")


def device():
    os.mknod(f"{data}/device", stat.S_IFCHR | 0o666, os.makedev(1, 1))


def block_device():
    os.mknod(f"{data}/disk", stat.S_IFBLK | 0o666, os.makedev(8, 0))


def its_own_code():
    return write(__file__)


def new_code_of_its_own():
    return write(f"{os.path.dirname(__file__)}/new.py", os.O_WRONLY | os.O_CREAT)


def mode_of_its_own_code():
    os.chmod(__file__, 0o600)


def code_of_weft():
    import weft

    return write(weft.__file__)


def standard_library():
    return write(os.__file__)


def settings_of_the_kernel():
    return write("/proc/sys/kernel/core_pattern")


def request_to_the_kernel():
    return write("/proc/sysrq-trigger")


def settings_of_a_device():
    return write("/sys/kernel/mm/transparent_hugepage/enabled")


def who_is_ended_when_memory_ends():
    return write("/proc/self/oom_score_adj")


def the_hosts_score():
    return write(f"/proc/{there.host}/oom_score_adj")


def map_of_users():
    return write("/proc/self/uid_map")


def cgroup():
    return write("/sys/fs/cgroup/cgroup.procs")


def lease_of_what_others_write():
    """Whoever opens it to write would wait for us."""
    with open("/etc/hosts") as file:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)


def lease_of_its_interpreter():
    with open(os.__file__) as file:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)


app = offer(globals())
