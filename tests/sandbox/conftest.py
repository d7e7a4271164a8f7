"""Cgroups where the machine has them, and processes that wait to be told to begin."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from weft.sandbox.cgroups import Cgroup, Cgroups

ROOT = Path(__file__).parents[2]
NOBODY = 65534
MEMORY = 64 * 1024 * 1024
Make = Callable[..., Cgroup]
Start = Callable[[str], "subprocess.Popen[str]"]


def must_have_cgroups() -> bool:
    """Whether this is continuous integration, as root, with hierarchies of version 1: there nothing is in the way."""
    writable = os.access("/sys/fs/cgroup/memory/cgroup.procs", os.W_OK)
    return os.environ.get("CI") == "true" and os.geteuid() == 0 and writable


@pytest.fixture
def cgroups() -> Iterator[Cgroups]:
    """What this machine offers, all three limits; skipped with the reason where it lacks one."""
    found = Cgroups.find()
    if found.missing:
        assert not must_have_cgroups(), found.missing
        pytest.skip(f"no cgroups for this user here: {'; '.join(found.missing.values())}")
    yield found
    found.close()


@pytest.fixture
def make(cgroups: Cgroups, request: pytest.FixtureRequest) -> Iterator[Make]:
    """``make(memory=…, cpu=…, processes=…)``: a cgroup, which is emptied and removed in the end."""
    made: list[Cgroup] = []

    def cgroup(memory: int = MEMORY, cpu: float | None = None, processes: int = 4) -> Cgroup:
        found = cgroups.make(f"plugin-{len(made)}", memory=memory, cpu=cpu, processes=processes)
        assert found is not None
        made.append(found)
        return found

    yield cgroup
    for each in made:
        each.kill()
        each.remove()


@pytest.fixture
def enter() -> Callable[[Cgroup, int], None]:
    """``enter(cgroup, pid)``: what a newborn process does by itself."""

    def put(cgroup: Cgroup, pid: int) -> None:
        with cgroup.ways() as ways:
            for each in ways.entrances:
                os.write(each, str(pid).encode())

    return put


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``start(code)``: a process that runs ``code`` once it reads a line; ended in the end."""
    started: list[subprocess.Popen[str]] = []

    def begin(code: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        argv = [sys.executable, "-c", f"input()\n{code}"]
        started.append(subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate(timeout=10)


def why_not_ordinary() -> str:
    """Why this machine cannot run it as an ordinary user; '' where it can."""
    if os.geteuid() != 0:
        return "only root becomes another user"
    if shutil.which("setpriv") is None or not Path("/usr/bin/python3").exists():
        return "setpriv and /usr/bin/python3 are needed"
    asked = "import sys; print(*sys.version_info[:2])"
    version = subprocess.run(["/usr/bin/python3", "-c", asked], capture_output=True, text=True, check=True).stdout
    own = "{} {}\n".format(*sys.version_info[:2])
    return (
        "" if version == own else f"/usr/bin/python3 is {version.strip()}, and the packages here are of {own.strip()}"
    )


@pytest.fixture(params=["own-namespaces", "own-outside", "ordinary-namespaces", "ordinary-outside"])
def situation(request: pytest.FixtureRequest) -> tuple[str, bool]:
    """Who runs the host, and whether it can make namespaces; skipped where the machine cannot have it so."""
    user, _, place = request.param.partition("-")
    if sys.platform != "linux":
        pytest.skip("only Linux has a sandbox")
    if user == "ordinary" and (why := why_not_ordinary()):
        pytest.skip(why)
    return user, place == "namespaces"


RunAs = Callable[[tuple[str, bool], str, dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="session")
def run_as() -> RunAs:
    """``run_as(situation, program, order)``: the JSON that a program of this folder prints.

    A situation is who runs it, ``own`` or ``ordinary``, and whether that one can make namespaces.
    The program is given ``order`` as JSON, with a new ``folder`` of its own in it.
    """
    return _run_as


def _run_as(situation: tuple[str, bool], program: str, order: dict[str, Any]) -> dict[str, Any]:
    user, namespaces = situation
    folder = tempfile.mkdtemp(prefix="weft-escapes-")
    python, argv = sys.executable, []
    if user == "ordinary":
        os.chown(folder, NOBODY, NOBODY)
        Path(folder).chmod(0o700)
        python = "/usr/bin/python3"
        argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    here = Path(__file__).parent
    argv += [] if namespaces else [python, str(here / "without_namespaces.py")]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *(path for path in sys.path if "site-packages" in path)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(
            [*argv, python, str(here / program), json.dumps({**order, "folder": folder})],
            capture_output=True, text=True, timeout=110, env=environment, cwd="/", check=False,
        )  # fmt: skip
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
