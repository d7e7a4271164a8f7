"""Limits that the kernel keeps, with real processes; on this machine's version of cgroups."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from weft.sandbox.cgroups import Cgroups
from weft.sandbox.processes import read_stat

BOMB = "held = [bytearray(1 << 20) for _ in range(1 << 10)]"


def _run(process: subprocess.Popen[str]) -> str:
    out, _err = process.communicate("\n", timeout=30)
    return out


def test_more_memory_than_allowed_ends_the_process_and_is_counted(make, start, enter) -> None:
    cgroup = make(memory=32 << 20)
    process = start(BOMB)
    enter(cgroup, process.pid)
    _run(process)

    assert process.returncode == -signal.SIGKILL
    assert cgroup.hits().killed == 1
    usage = cgroup.usage()
    assert usage.peak is not None
    assert 24 << 20 <= usage.peak <= 32 << 20
    assert usage.cpu is not None
    assert usage.cpu > 0


def test_other_cgroups_are_not_hit(make, start, enter) -> None:
    small, other = make(memory=32 << 20), make()
    bomb, quiet = start(BOMB), start("print('still here')")
    enter(small, bomb.pid)
    enter(other, quiet.pid)
    _run(bomb)

    assert _run(quiet) == "still here\n"
    assert quiet.returncode == 0
    assert other.hits().killed == 0


def test_a_fork_bomb_is_bounded_and_ended_whole(make, start, enter) -> None:
    cgroup = make(processes=1)
    process = start(
        """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
count = 0
try:
    while True:
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
        count += 1
except BlockingIOError:
    print(count, flush=True)
time.sleep(60)
"""
    )
    enter(cgroup, process.pid)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()

    assert int(process.stdout.readline()) == 15
    assert cgroup.usage().processes == 16
    assert cgroup.hits().refused == 1
    cgroup.kill()
    assert cgroup.usage().processes == 0
    assert process.wait(10) == -signal.SIGKILL


def test_a_share_of_cpu_time_is_not_exceeded(make, start, enter) -> None:
    spin = """
import time
used, began = time.process_time(), time.monotonic()
while time.monotonic() < began + 2: pass
print(time.process_time() - used, time.monotonic() - began)
"""
    cgroup = make(cpu=0.1)
    process = start(spin)
    enter(cgroup, process.pid)
    used, wall = map(float, _run(process).split())

    assert used < 0.1 * wall + 0.1  # the last period may be spent whole
    assert cgroup.hits().throttled > 0


def test_without_a_share_cpu_time_is_not_counted_as_a_limit(make) -> None:
    assert make().limits == {"memory", "processes"}
    assert make(cpu=1.5).limits == {"memory", "cpu", "processes"}


def test_two_hosts_in_one_process_do_not_meet(make) -> None:
    first = make()
    other = Cgroups.find()
    second = other.make(first.name, memory=1 << 24, cpu=None, processes=1)
    assert second is not None
    second.remove()
    other.close()
    assert first.usage().memory is not None


def test_a_process_that_has_ended_cannot_be_added(make, start, enter) -> None:
    cgroup = make()
    process = start("pass")
    _run(process)
    with pytest.raises(ProcessLookupError):
        enter(cgroup, process.pid)


def test_a_name_is_taken_once_and_stays_in_its_folder(cgroups, make) -> None:
    taken = make()
    with pytest.raises(FileExistsError):
        cgroups.make(taken.name, memory=1 << 20, cpu=None, processes=1)
    assert taken.usage().memory is not None  # the first is still there
    for name in ("", ".", "..", "../up", "a/b", "a\n"):
        with pytest.raises(ValueError, match="cannot name a cgroup"):
            cgroups.make(name, memory=1 << 20, cpu=None, processes=1)


def test_a_cgroup_that_cannot_be_limited_leaves_nothing(cgroups) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        cgroups.make("plugin", memory=1 << 24, cpu=1e12, processes=1)
    cgroups.make("plugin", memory=1 << 24, cpu=None, processes=1).remove()


def test_a_removed_cgroup_knows_nothing_and_is_removed_again(make) -> None:
    cgroup = make()
    cgroup.remove()
    cgroup.kill()
    cgroup.remove()
    assert cgroup.usage().memory is None
    assert cgroup.hits().killed == 0


def test_a_cgroup_with_processes_is_not_removed(make, start, enter) -> None:
    cgroup = make()
    process = start("")
    enter(cgroup, process.pid)
    with pytest.raises(OSError, match="busy"):
        cgroup.remove(within=0.05)
    assert process.poll() is None


# --- hosts that were killed -----------------------------------------------------------------------------------------

HOST = textwrap.dedent(
    """
    import os, subprocess, sys
    from weft.sandbox.cgroups import Cgroups
    cgroups = Cgroups.find()
    cgroup = cgroups.make("plugin", memory=1 << 26, cpu=None, processes=4)
    plugin = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    with cgroup.ways() as ways:
        for each in ways.entrances:
            os.write(each, str(plugin.pid).encode())
    print(plugin.pid, flush=True)
    input()
    cgroup.kill(), plugin.wait(), cgroup.remove(), cgroups.close()
    """
)


def _host() -> tuple[subprocess.Popen[str], int]:
    host = subprocess.Popen(
        [sys.executable, "-c", HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert host.stdout is not None
    return host, int(host.stdout.readline())


def test_what_a_killed_host_left_is_swept_and_what_a_living_one_has_is_not(cgroups) -> None:
    living, its_plugin = _host()
    killed, orphan = _host()
    killed.kill()
    killed.wait(10)

    swept = {name.split("-")[2] for name in cgroups.sweep()}

    assert str(killed.pid) in swept
    assert str(living.pid) not in swept
    assert not _alive(orphan)
    assert _alive(its_plugin)
    assert str(killed.pid) not in {name.split("-")[2] for name in cgroups.sweep()}
    for host in (living, killed):
        host.communicate("\n" if host is living else None, timeout=10)
    assert living.returncode == 0


def _alive(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and not stat.ended


# --- where there are none -------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_is_told_why_there_are_none() -> None:
    code = """
import os
from weft.sandbox.cgroups import Cgroups
os.setgroups([]); os.setgid(65534); os.setuid(65534)
found = Cgroups.find()
print(found.missing)
print(found.limits)
print(found.make("plugin", memory=1, cpu=1, processes=1))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    missing, limits, made = done.stdout.splitlines()
    for words in ("'memory': 'memory: ", "'cpu': 'cpu: ", "'processes': 'pids: ", "and this one is 65534"):
        assert words in missing
    assert (limits, made) == ("frozenset()", "None")
