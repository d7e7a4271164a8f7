"""Version 2 as the kernel has it, also beside version 1: there with whatever controller is left to it.

What is proved is what the kernel demands of processes and their places. The limits of memory, CPU and processes need
a machine whose version 2 has these controllers; there the other tests of this folder run with them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from weft.sandbox.cgroups.cgroup import Cgroup, Part
from weft.sandbox.cgroups.killing import kill_all, remove
from weft.sandbox.cgroups.mounts import parse_mounts

USER = 65534


def _root() -> Path | None:
    mounts = parse_mounts(Path("/proc/self/mountinfo").read_text()) if Path("/proc/self/mountinfo").exists() else []
    points = [mount.point for mount in mounts if mount.version == 2 and mount.root == "/"]
    return points[0] if points and os.access(points[0] / "cgroup.subtree_control", os.W_OK) else None


ROOT = _root()
CONTROLLERS = (ROOT / "cgroup.controllers").read_text().split() if ROOT else []
pytestmark = pytest.mark.skipif(not CONTROLLERS, reason="no cgroup of version 2 that has a controller can be written")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A cgroup delegated to an ordinary user, as a service manager does it; removed with those below in the end."""
    assert ROOT is not None
    path = ROOT / f"weft-test-{os.getpid()}"
    before = (ROOT / "cgroup.subtree_control").read_text().split()
    (ROOT / "cgroup.subtree_control").write_text(f"+{CONTROLLERS[0]}")
    path.mkdir()
    for each in (path, path / "cgroup.procs", path / "cgroup.subtree_control", path / "cgroup.threads"):
        os.chown(each, USER, USER)
    yield path
    kill_all(path, 5)
    remove(path, 5)
    if CONTROLLERS[0] not in before:
        (ROOT / "cgroup.subtree_control").write_text(f"-{CONTROLLERS[0]}")


def test_all_in_it_end_at_once(start, folder, enter) -> None:
    cgroup = Cgroup("plugin", [Part(2, folder / "plugin", frozenset())], ())
    (folder / "plugin").mkdir()
    process = start("")
    enter(cgroup, process.pid)
    assert cgroup.usage().processes == 1
    cgroup.kill()
    assert process.wait(10) == -signal.SIGKILL
    assert cgroup.usage().processes == 0
    cgroup.remove()
    assert not (folder / "plugin").exists()


PROLOGUE = """
import os, sys, tempfile, time
from pathlib import Path
from weft.sandbox.cgroups import Cgroups
from weft.sandbox.cgroups.places import Ground, Place, survey
folder, controller = Path(sys.argv[1]), sys.argv[2]
(folder / "cgroup.procs").write_text("0")
os.setgroups([]); os.setgid(65534); os.setuid(65534)

def where(pid):
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return [line.split("/")[2:] for line in lines if line.startswith("0::")][0]

def sleeper():
    pid = os.fork()
    if not pid:
        time.sleep(60)
    return pid

def look():
    "What is found where there is version 2 alone."
    with tempfile.TemporaryDirectory() as proc:
        for name, mark in (("mountinfo", " - cgroup2 "), ("cgroup", "0::")):
            lines = Path(f"/proc/self/{name}").read_text().splitlines()
            Path(proc, "self").mkdir(exist_ok=True)
            Path(proc, "self", name).write_text("\\n".join(line for line in lines if mark in line))
        return survey(Path(proc), os.getpid()).missing["memory"]

cgroups = Cgroups(Ground((Place(2, folder, folder, frozenset({controller}), alone=True),), {}))
"""

ALONE = """
own = cgroups.open()
cgroup = cgroups.make("plugin", memory=1, cpu=None, processes=1)
child = sleeper()
with cgroup.ways() as ways:
    for each in ways.entrances:
        os.write(each, str(child).encode())
assert where(child) == [own, "plugin"], where(child)
assert where("self") == [own.rpartition("-")[0] + "-host"], where("self")
for each in (folder, folder / own):
    assert (each / "cgroup.subtree_control").read_text().split() == [controller]
assert list((folder / own / "plugin").glob(f"{controller}.*"))
cgroup.kill()
assert os.waitpid(child, 0)[1] == 9
cgroup.remove()
cgroups.close()
print(look())
"""

SHARED = """
child = sleeper()
print(look())
try:
    cgroups.open()
except OSError as error:
    print(error.strerror)
os.kill(child, 9)
os.waitpid(child, 0)
"""


def _host(folder: Path, code: str) -> str:
    argv = [sys.executable, "-c", PROLOGUE + code, str(folder), CONTROLLERS[0]]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can delegate")
def test_an_ordinary_user_has_cgroups_below_what_is_delegated_to_him(folder) -> None:
    told = _host(folder, ALONE)
    assert f"{folder} has none of the controllers" in told  # from its leaf, it looks at the same place again


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can delegate")
def test_a_cgroup_that_others_are_in_gives_none(folder) -> None:
    told = _host(folder, SHARED)
    assert f"{folder} holds 1 other processes" in told
    assert told.endswith("busy\n")
