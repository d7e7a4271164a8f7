"""Processes that are to end are not kept waiting for the CPU time that they need for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from weft.sandbox.cgroups import Cgroups
from weft.sandbox.quota import cpu_folders

SECOND = "31 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
FIRST = (
    "40 39 0:35 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "41 39 0:36 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
)
INSIDE = "41 39 0:36 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"


@pytest.mark.parametrize(
    ("membership", "mounts", "folders"),
    [
        ("0::/user.slice/weft\n", SECOND, ["/sys/fs/cgroup/user.slice/weft"]),
        ("0::/\n", SECOND, ["/sys/fs/cgroup/"]),
        ("4:memory:/a\n3:cpu,cpuacct:/b\n0::/c\n", FIRST, ["/sys/fs/cgroup/cpu/b"]),
        ("3:cpu:/docker/abc/weft\n", INSIDE, ["/sys/fs/cgroup/cpu/weft"]),
        ("3:cpu:/docker/abcd\n", INSIDE, []),
        ("3:cpuset:/b\n2:name=systemd:/b\n", FIRST, []),
        ("", SECOND, []),
    ],
)
def test_where_cpu_time_is_bounded(membership, mounts, folders):
    assert list(cpu_folders(membership.splitlines(True), mounts.splitlines(True))) == folders


HOST = """
import asyncio, sys, time
from pathlib import Path
from weft.manifest.model import Limits
from weft.runtimes.launch import Launch
from weft.runtimes.process.runtime import ProcessRuntime
from weft.sandbox.quota import cpu_folders


async def main():
    folder = Path(sys.argv[1])
    launch = Launch(
        name="bounded", version="1", folder=folder, entry="plugin", provides=("task@1",), limits=Limits(cpu=0.5),
        interpreter=(sys._base_executable, "-I", "-S"), helpers=None, data_dir=folder / "data",
    )
    instance = await ProcessRuntime().start(launch, lambda line: None)
    with open(f"/proc/{instance.pid}/cgroup") as membership, open("/proc/self/mountinfo") as mounts:
        print(*(each for each in cpu_folders(membership, mounts) if "bounded" in each), flush=True)
    time.sleep(60)


asyncio.run(main())
"""


def test_what_a_killed_host_leaves_to_end_is_bounded_no_longer(tmp_path):
    missing = Cgroups.find().missing.get("cpu")
    if missing:
        if os.environ.get("CI") == "true" and os.geteuid() == 0:
            pytest.fail(f"needed where CI=true: {missing}")
        pytest.skip(missing)
    (tmp_path / "plugin.py").write_text("def Execute(ctx): ...\n")
    for _ in range(5):
        with suppress(OSError):  # another host of this machine swept it away before it was looked at
            assert lifted(tmp_path)
            return
    pytest.fail("it is swept away each time")


def lifted(folder):
    """Whether a host that is killed leaves its plugin's processes without a bound of CPU time, which they had."""
    with subprocess.Popen([sys.executable, "-c", HOST, folder], stdout=subprocess.PIPE, text=True) as host:
        cgroup = Path(host.stdout.readline().strip())
        name = next(each for each in ("cpu.max", "cpu.cfs_quota_us") if (cgroup / each).exists())
        assert (cgroup / name).read_text().split()[0] not in ("max", "-1")
        host.kill()
    try:
        deadline = time.monotonic() + 10
        while (cgroup / name).read_text().split()[0] not in ("max", "-1"):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
    finally:
        Cgroups.find().sweep()
    return True
