"""Packages that come as source, built by real uv in the sandbox; their build backends are made here."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

from weft.errors import EnvironmentFailed
from weft.manifest.model import Requires
from weft.packages.builds import Builders
from weft.packages.environments import Environment, Environments
from weft.runtimes.process.runtime import ProcessRuntime
from weft.sandbox.cgroups import Cgroups

CLOTH = Path(__file__).parents[1] / "sources" / "cloth"
NOTHING = "def work(files): ..."
WRITES_HERE = "def work(files): os.makedirs('build'); open('build/cloth.egg-info', 'w').write('as setuptools does')"
LINGERS = """
import subprocess
def work(files):
    command = [sys.executable, "-c", "import time; time.sleep(600)", {marker!r}]
    nothing = subprocess.DEVNULL
    subprocess.Popen(command, stdout=nothing, stderr=nothing, start_new_session=True)
    {then}
"""
EXTENSION = """
import subprocess, sysconfig
CODE = '''
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "thread", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_thread(void) {
    PyObject *module = PyModule_Create(&definition);
    PyModule_AddIntConstant(module, "answer", 42);
    return module;
}
'''
def work(files):
    open("thread.c", "w").write(CODE)
    include = sysconfig.get_paths()["include"]
    subprocess.run(["cc", "-shared", "-fPIC", f"-I{include}", "thread.c", "-o", "thread.so"], check=True)
    files["thread.so"] = open("thread.so", "rb").read()
"""
PREPARE = """
import asyncio, sys
from pathlib import Path
from weft.manifest.model import Requires
from weft.packages.environments import Environments
from weft.runtimes.process.runtime import ProcessRuntime
from weft.sandbox.cgroups import Cgroups
async def main():
    environments = Environments(Path(sys.argv[1]), builder=ProcessRuntime().builder("best-effort"))
    await environments.prepare(Requires(packages=(sys.argv[2],)), plugin="shop")
asyncio.run(main())
"""

MakeSource = Callable[[str], Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state" / "environments"


@pytest.fixture
def source(tmp_path: Path) -> MakeSource:
    """``source(code)``: the folder of a package ``cloth``, where ``code`` has ``work(files)``, run by each build."""

    def make(code: str) -> Path:
        folder = shutil.copytree(CLOTH, tmp_path / "cloth")
        (folder / "work.py").write_text(f"import os, sys\n{code}")
        return folder

    return make


def prepare(root: Path, *packages: str, lock: Path | None = None, builder: Builders | None = None, **options):
    async def main() -> Environment:
        runtime = ProcessRuntime()
        try:
            environments = Environments(root, builder=builder or runtime.builder("best-effort"))
            return await environments.prepare(Requires(packages=packages, lock=lock), plugin="shop", **options)
        finally:
            await runtime.close()

    return asyncio.run(main())


def ask(environment: Environment, code: str) -> str:
    command = [environment.python, *environment.flags, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def as_folder(source: Path) -> str:
    return f"cloth @ {source.as_uri()}"


def as_archive(source: Path) -> str:
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: cloth\nVersion: 1.0\n")
    archive = source.with_name("cloth-1.0.tar.gz")
    with tarfile.open(archive, "w:gz") as writer:
        writer.add(source, "cloth-1.0")
    return f"cloth @ {archive.as_uri()}"


def as_found(source: Path) -> str:
    """Where uv is told to look for packages."""
    as_archive(source)
    source.with_name("cloth-1.0.tar.gz").rename(source.parent / "wheels" / "cloth-1.0.tar.gz")
    return "cloth"


def as_repository(source: Path) -> str:
    own = ["-c", "user.name=tests", "-c", "user.email=tests@localhost"]
    for command in (["init", "--quiet"], ["add", "."], [*own, "commit", "--quiet", "--message", "first"]):
        subprocess.run(["git", *command], cwd=source, check=True)
    return f"cloth @ git+{source.as_uri()}"


def running(marker: str) -> list[str]:
    """Processes with that word in their command."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in each.read_bytes().split(b"\0"):
                found.append(each.parent.name)
        except OSError:
            continue
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "not within 30 s"
        time.sleep(0.02)


# --- what is built ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [as_folder, as_archive, as_found, pytest.param(as_repository, id="as_repository")])
def test_a_package_that_comes_as_source_is_built(root, wheel, source, given):
    lines: list[str] = []
    environment = prepare(root, given(source(WRITES_HERE)), progress=lines.append)
    assert ask(environment, "import cloth, os; print(cloth.version, os.path.exists(cloth.__cached__))") == "1.0 True"
    assert "building from source: cloth" in lines
    assert any(line.startswith("the build is confined") for line in lines)
    assert not [line for line in lines if ".new-" in line]  # the copy is nobody's concern
    assert not list((root / "builds").iterdir())


def test_a_build_writes_into_a_copy_of_the_folder(root, wheel, source):
    folder = source(WRITES_HERE)
    prepare(root, as_folder(folder))
    assert sorted(path.name for path in folder.iterdir()) == ["backend.py", "pyproject.toml", "work.py"]


def test_what_was_built_is_not_in_the_cache_of_others(root, wheel, source, tmp_path):
    folder = source(NOTHING)
    prepare(root, as_archive(folder))
    built = [path for path in (tmp_path / "uv-cache").rglob("*") if path.name.startswith("cloth")]
    assert built == []


def test_wheels_beside_a_source_are_installed_with_it(root, wheel, source):
    wheel("thread", "2.0")
    environment = prepare(root, as_folder(source(NOTHING)), "thread")
    assert ask(environment, "import cloth, thread; print(cloth.version, thread.version)") == "1.0 2.0"


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml"])
def test_a_lock_with_a_folder_beside_it_is_obeyed(root, wheel, source, tmp_path, name):
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.9"\ndependencies = ["cloth"]\n'
        '[tool.uv.sources]\ncloth = { path = "cloth" }\n'
    )
    source(WRITES_HERE).rename(project / "cloth")
    if name == "uv.lock":
        subprocess.run([find_uv_bin(), "lock", "--quiet"], cwd=project, check=True)
    else:
        command = [find_uv_bin(), "pip", "compile", "--quiet", "--python", sys.executable, "pyproject.toml"]
        subprocess.run([*command, "--output-file", name], cwd=project, check=True)
    for left in (project / "cloth").glob("build/*"):
        left.unlink()
    if (project / "cloth" / "build").exists():
        (project / "cloth" / "build").rmdir()
    environment = prepare(root, lock=project / name)
    assert ask(environment, "import cloth; print(cloth.version)") == "1.0"
    assert not (project / "cloth" / "build").exists()


@pytest.mark.system_package("cc")
def test_a_compiler_can_be_used(root, wheel, source):
    assert ask(prepare(root, as_folder(source(EXTENSION))), "import thread; print(thread.answer)") == "42"


def test_where_all_are_wheels_nothing_is_run_twice(root, wheel):
    wheel("cloth", "1.0")

    async def never(*_: object) -> None:
        raise AssertionError("nothing is to be built")

    assert ask(prepare(root, "cloth", builder=never), "import cloth; print(cloth.version)") == "1.0"


LIMITED = """
import resource
def work(files):
    limits = {each: getattr(resource, each) for each in ("RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CORE")}
    cgroups = open("/proc/self/cgroup").read()
    found = {**{name: resource.getrlimit(number)[1] for name, number in limits.items()}, "cgroups": cgroups}
    files["cloth.py"] = f"found = {found!r}"
"""


def test_a_build_is_held_to_limits(root, wheel, source):
    environment = prepare(root, as_folder(source(LIMITED)))
    found = json.loads(ask(environment, "import cloth, json; print(json.dumps(cloth.found))"))
    assert found["RLIMIT_NOFILE"] <= 4096
    assert (found["RLIMIT_FSIZE"], found["RLIMIT_CORE"]) == (8 * 1024**3, 0)
    if Cgroups.find().missing.keys() & {"memory", "processes"}:
        pytest.skip("no cgroups for this user here: a build is watched instead")
    assert "build-shop" in found["cgroups"]


# --- what is not built -----------------------------------------------------------------------------------------------


def test_a_failed_build_carries_uvs_explanation(root, wheel, source):
    folder = source("def work(files): raise RuntimeError('no cloth today')")
    with pytest.raises(EnvironmentFailed, match="plugin shop: its packages could not be resolved") as failure:
        prepare(root, as_folder(folder))
    assert "no cloth today" in failure.value.explanation
    assert f"cloth @ {folder.as_uri()}" in failure.value.explanation
    assert not list((root / "builds").iterdir())


@pytest.mark.parametrize("given", [as_folder, as_archive, as_found, as_repository])
def test_builds_may_be_refused(root, wheel, source, given):
    package = given(source("def work(files): raise RuntimeError('it was built')"))
    with pytest.raises(EnvironmentFailed, match="plugin shop: .* cloth would have to be built from source") as failure:
        prepare(root, package, builder="refused")
    assert 'builds = "confined"' in str(failure.value)
    assert "it was built" not in str(failure.value)


def test_builds_may_run_as_the_servers_user(root, wheel, source, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("known")
    reads = f"def work(files): files['cloth.py'] = 'version = ' + repr(open({str(secret)!r}).read())"
    environment = prepare(root, as_folder(source(reads)), builder="unconfined")
    assert ask(environment, "import cloth; print(cloth.version)") == "known"


def test_a_version_with_a_wheel_is_preferred(root, wheel, source):
    wheel("cloth", "0.9")
    assert ask(prepare(root, as_found(source(NOTHING))), "import cloth; print(cloth.version)") == "0.9"


def test_what_a_build_puts_into_the_answer_is_refused(root, wheel, source):
    answers = """
def work(files):
    with open(f"/proc/{os.getppid()}/fd/1", "w") as answer:
        answer.write("--index-url http://127.0.0.1:9/\\n")
"""
    with pytest.raises(EnvironmentFailed, match="plugin shop: .*is no package: '--index-url http://127.0.0.1:9/'"):
        prepare(root, as_folder(source(answers)))
    assert not list((root / "resolutions").glob("*"))


def test_an_answer_that_is_too_long_is_none(root, wheel, source):
    answers = """
def work(files):
    with open(f"/proc/{os.getppid()}/fd/1", "w") as answer:
        answer.write("thread==1.0\\n" * 400_000)
"""
    with pytest.raises(EnvironmentFailed, match="plugin shop: its packages could not be resolved") as failure:
        prepare(root, as_folder(source(answers)))
    assert "uv's answer is too long" in failure.value.explanation


def test_a_state_behind_a_link_is_no_obstacle(tmp_path, wheel, source):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "elsewhere")
    environment = prepare(tmp_path / "state" / "environments", as_folder(source(NOTHING)))
    assert ask(environment, "import cloth; print(cloth.version)") == "1.0"


# --- what is left of a build -----------------------------------------------------------------------------------------


def test_a_process_that_a_build_leaves_is_ended(root, wheel, source):
    marker = f"left-{os.getpid()}"
    prepare(root, as_folder(source(LINGERS.format(marker=marker, then=""))))
    assert running(marker) == []


def test_cancelled_while_it_builds_leaves_nothing(root, wheel, source):
    marker = f"cancelled-{os.getpid()}"
    package = as_folder(source(LINGERS.format(marker=marker, then="import time; time.sleep(600)")))

    async def main() -> None:
        runtime = ProcessRuntime()
        environments = Environments(root, builder=runtime.builder("best-effort"))
        task = asyncio.create_task(environments.prepare(Requires(packages=(package,)), plugin="shop"))
        async with asyncio.timeout(60):
            while not running(marker):
                await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await runtime.close()

    asyncio.run(main())
    assert running(marker) == []
    assert not list((root / "builds").iterdir())


def test_a_build_that_takes_too_long_is_ended(root, wheel, source):
    marker = f"late-{os.getpid()}"
    package = as_folder(source(LINGERS.format(marker=marker, then="import time; time.sleep(600)")))

    async def main() -> None:
        runtime = ProcessRuntime()
        environments = Environments(root, deadline=5, builder=runtime.builder("best-effort"))
        with pytest.raises(EnvironmentFailed, match="uv had not finished after 5 s"):
            await environments.prepare(Requires(packages=(package,)), plugin="shop")
        await runtime.close()

    asyncio.run(main())
    assert running(marker) == []


def test_a_build_ends_with_its_host(root, wheel, source):
    marker = f"orphan-{os.getpid()}"
    package = as_folder(source(LINGERS.format(marker=marker, then="import time; time.sleep(600)")))
    with subprocess.Popen([sys.executable, "-c", PREPARE, str(root), package]) as host:
        wait_until(lambda: bool(running(marker)) or host.poll() is not None)
        host.send_signal(signal.SIGKILL)
    assert host.returncode == -signal.SIGKILL
    wait_until(lambda: not running(marker))


def test_what_a_killed_host_left_is_collected(root, wheel):
    left = root / "builds" / ".new-left"
    (left / "deep").mkdir(parents=True)
    (left / "deep" / "file").touch()
    os.utime(left, (0, 0))
    Environments(root).collect(set())
    assert not left.exists()


# --- packages that are only unpacked ---------------------------------------------------------------------------------


def test_no_code_of_a_wheel_runs_while_it_is_installed(root, wheel, tmp_path):
    told = tmp_path / "ran"
    wheel("cloth", "1.0", files={"cloth.pth": f"import sys; open({str(told)!r}, 'w').write('code of a wheel')\n"})
    environment = prepare(root, "cloth")
    assert not told.exists()
    assert ask(environment, "import cloth, os; print(os.path.exists(cloth.__cached__))") == "True"


@pytest.mark.parametrize("place", ["data/pyvenv.cfg", "scripts/pyvenv.cfg", "scripts/python._pth"])
def test_no_wheel_decides_what_the_interpreter_starts_from(root, wheel, place):
    wheel("cloth", "1.0", files={f"cloth-1.0.data/{place}": "home = /tmp/elsewhere\n"})
    with pytest.raises(EnvironmentFailed, match="plugin shop: .*replace what the interpreter itself starts from"):
        prepare(root, "cloth")
    assert not list(root.glob("?" * 32))


REPLACES = """
def work(files):
    command = open(f"/proc/{{os.getppid()}}/cmdline").read().split("\\0")
    if "sync" in command:
        python = command[command.index("--python") + 1]
        bin = os.path.dirname(python)
        {replace}
        files["cloth.py"] = "replaced = True"
"""


@pytest.mark.parametrize("replace", [
    "os.symlink('/tmp', python + '._pth')",
    "real = os.path.realpath(python); os.unlink(python); os.symlink('/proc/self/root' + real, python)",
    "os.rename(bin, bin + '-'); os.symlink('bin-', bin)",
    "open(bin + '/../pyvenv.cfg', 'a').write('more = 1')",
])  # fmt: skip
def test_no_build_decides_what_the_interpreter_starts_from(root, wheel, source, replace):
    folder = source(REPLACES.format(replace=replace))
    with pytest.raises(EnvironmentFailed, match="plugin shop: .*replace what the interpreter itself starts from"):
        prepare(root, as_folder(folder))
    assert not list(root.glob("?" * 32))
