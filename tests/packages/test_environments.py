from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from weft.errors import EnvironmentFailed
from weft.manifest.model import Requires
from weft.packages.builds import Builders
from weft.packages.environments import Environment, Environments

LIBRARY = """
[project]
name = "cloth"
version = "1.0"
requires-python = ">=3.9"
[build-system]
requires = ["uv_build>=0.5,<1"]
build-backend = "uv_build"
[tool.uv.build-backend]
module-root = ""
"""
PREPARE = """
import asyncio, sys
from pathlib import Path
from weft.manifest.model import Requires
from weft.packages.builds import Builders
from weft.packages.environments import Environments
environments = Environments(Path(sys.argv[1]))
show = lambda line: print(line, flush=True)
print(asyncio.run(environments.prepare(Requires(packages=tuple(sys.argv[2:])), plugin="shop", progress=show)).digest)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state" / "environments"


def requires(*packages: str, python: str | None = None, lock: Path | None = None) -> Requires:
    return Requires(packages=packages, python=python, lock=lock)


def prepare(root: Path, wanted: Requires, builder: Builders = "refused", **options) -> Environment:
    return asyncio.run(Environments(root, builder=builder).prepare(wanted, plugin="shop", **options))


def ask(environment: Environment, code: str) -> str:
    command = [environment.python, *environment.flags, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def folders(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob("?" * 32))


# --- what comes out --------------------------------------------------------------------------------------------------


def test_no_packages_is_the_bare_interpreter(root, wheel):
    environment = prepare(root, requires())
    assert environment.flags == ("-I", "-S")
    assert (
        ask(environment, "import sys; print(sys.prefix == sys.base_prefix, [p for p in sys.path if 'packages' in p])")
        == "True []"
    )
    assert environment.python_version == sys.version.split()[0]
    assert not folders(root)


def test_packages_and_what_they_need_are_installed_with_bytecode(root, wheel):
    wheel("thread", "1.0")
    wheel("cloth", "2.0", "thread>=1")
    environment = prepare(root, requires("cloth"))
    assert environment.flags == ("-I",)
    assert ask(environment, "import cloth, thread; print(cloth.version, thread.version)") == "2.0 1.0"
    assert ask(environment, "import cloth, os; print(os.path.exists(cloth.__cached__))") == "True"


def test_the_hosts_packages_are_not_there(root, wheel):
    wheel("cloth", "1.0")
    environment = prepare(root, requires("cloth"))
    assert (
        ask(environment, "from importlib.util import find_spec; print(find_spec('msgspec'), find_spec('weft'))")
        == "None None"
    )


def test_two_plugins_may_pin_what_excludes_each_other(root, wheel):
    wheel("cloth", "1.0")
    wheel("cloth", "2.0")
    old, new = prepare(root, requires("cloth<2")), prepare(root, requires("cloth>=2"))
    assert [ask(environment, "import cloth; print(cloth.version)") for environment in (old, new)] == ["1.0", "2.0"]
    assert old.digest != new.digest


def test_weft_itself_is_never_installed(root, wheel):
    wheel("cloth", "1.0")
    assert prepare(root, requires("weft>=99")).flags == ("-I", "-S")
    assert prepare(root, requires("cloth", "Weft")).digest == prepare(root, requires("cloth")).digest


# --- reused ----------------------------------------------------------------------------------------------------------


def test_an_unchanged_set_runs_uv_no_more(root, wheel):
    wheel("thread", "1.0")
    wheel("cloth", "1.0")
    first = prepare(root, requires("cloth", "thread >= 1"))
    wheel("cloth", "1.1")
    # With no time at all for uv, every run of it would fail.
    again = asyncio.run(Environments(root, deadline=0).prepare(requires("thread>=1", "cloth"), plugin="other"))
    assert again.digest == first.digest


def test_a_new_resolution_is_another_environment(root, wheel):
    wheel("cloth", "1.0")
    first = prepare(root, requires("cloth"))
    wheel("cloth", "1.1")
    assert prepare(root, requires("cloth>=1.1")).digest != first.digest
    assert ask(first, "import cloth; print(cloth.version)") == "1.0"


def test_tasks_that_want_the_same_build_it_once(root, wheel):
    wheel("cloth", "1.0")
    lines: list[str] = []

    async def main() -> set[str]:
        environments = Environments(root)
        made = [environments.prepare(requires("cloth"), plugin=f"p{n}", progress=lines.append) for n in range(5)]
        return {environment.digest for environment in await asyncio.gather(*made)}

    assert len(asyncio.run(main())) == 1
    assert sum("building" in line for line in lines) == 1


def test_processes_that_want_the_same_build_it_once(root, wheel):
    wheel("cloth", "1.0")
    command = [sys.executable, "-c", PREPARE, str(root), "cloth"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("building" in text for text in printed) == 1
    assert len({text.splitlines()[-1] for text in printed}) == 1


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_failed_resolution_carries_uvs_explanation(root, wheel):
    wheel("cloth", "1.0")
    with pytest.raises(EnvironmentFailed, match="plugin shop: its packages could not be resolved") as failure:
        prepare(root, requires("cloth>=7"))
    assert "cloth>=7" in failure.value.explanation
    assert not folders(root)


@pytest.mark.parametrize("hostile", ["--index-url=http://127.0.0.1/", "-r /etc/passwd", "cloth\n--pre", "", "./here"])
def test_what_is_no_requirement_never_reaches_uv(root, wheel, hostile):
    with pytest.raises(EnvironmentFailed, match=r"requires\.packages has"):
        asyncio.run(Environments(root, deadline=0).prepare(requires(hostile), plugin="shop"))


def test_a_package_that_cannot_be_installed_leaves_nothing(root, wheel):
    made = wheel("cloth", "1.0")
    wanted = requires(f"cloth @ file://{made}")

    def corrupt(line: str) -> None:
        if line.startswith("building"):
            made.write_bytes(b"no wheel at all")

    with pytest.raises(EnvironmentFailed, match="its environment could not be built"):
        prepare(root, wanted, progress=corrupt)
    assert not folders(root)


def test_cancelled_while_it_builds_leaves_nothing(root, wheel):
    wheel("cloth", "1.0")

    async def main() -> None:
        building = asyncio.Event()
        watch = lambda line: building.set() if line.startswith("building") else None  # noqa: E731
        task = asyncio.create_task(Environments(root).prepare(requires("cloth"), plugin="shop", progress=watch))
        await building.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not folders(root)
    assert ask(prepare(root, requires("cloth")), "import cloth; print(cloth.version)") == "1.0"


def test_uv_that_takes_too_long_is_ended(root, wheel):
    wheel("cloth", "1.0")
    with pytest.raises(EnvironmentFailed, match="uv had not finished after 0 s"):
        asyncio.run(Environments(root, deadline=0).prepare(requires("cloth"), plugin="shop"))


def test_a_killed_build_is_built_anew(root, wheel):
    wheel("cloth", "1.0")
    command = [sys.executable, "-c", PREPARE, str(root), "cloth"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("building"):
                break
        process.kill()
    assert ask(prepare(root, requires("cloth")), "import cloth; print(cloth.version)") == "1.0"


def test_an_environment_that_was_never_finished_is_not_used(root, wheel):
    wheel("cloth", "1.0")
    digest = prepare(root, requires("cloth")).digest
    (root / digest / "weft-environment.json").unlink()
    next((root / digest).glob("lib/*/site-packages/cloth.py")).write_text("half written")
    assert ask(prepare(root, requires("cloth")), "import cloth; print(cloth.version)") == "1.0"


@pytest.mark.system_package("unshare", "mount")
def test_a_full_disk_is_named(tmp_path, root, wheel):
    made = wheel("cloth", "1.0")
    root.mkdir(parents=True)
    tight = f"mount -t tmpfs -o size=16k tmpfs {root} && exec {sys.executable} -c \"$0\" {root} 'cloth @ file://{made}'"
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", tight, PREPARE]
    if subprocess.run([*command[:3], "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespace may be made here")
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "EnvironmentFailed: plugin shop: " in done.stderr
    assert "disk is full" in done.stderr or "No space left on device" in done.stderr


# --- locks -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.9"\ndependencies = ["cloth"]\n'
    )
    return folder


def test_a_uv_lock_is_obeyed(root, wheel, project):
    wheel("cloth", "1.0")
    subprocess.run([find_uv_bin(), "lock", "--quiet"], cwd=project, check=True)
    wheel("cloth", "2.0")
    environment = prepare(root, requires("cloth", lock=project / "uv.lock"))
    assert ask(environment, "import cloth; print(cloth.version)") == "1.0"
    assert prepare(root, requires(lock=project / "uv.lock")).digest == environment.digest


def test_a_pylock_is_obeyed(root, wheel, project):
    wheel("cloth", "1.0")
    compile_lock = [find_uv_bin(), "pip", "compile", "--quiet", "--python", sys.executable, "pyproject.toml"]
    subprocess.run([*compile_lock, "--output-file", "pylock.toml"], cwd=project, check=True)
    wheel("cloth", "2.0")
    environment = prepare(root, requires("cloth", lock=project / "pylock.toml"))
    assert ask(environment, "import cloth; print(cloth.version)") == "1.0"


def test_a_lock_that_is_none_is_an_error(root, wheel, project):
    (project / "uv.lock").write_text("never a lock")
    with pytest.raises(EnvironmentFailed, match=r"its uv\.lock could not be used") as failure:
        prepare(root, requires(lock=project / "uv.lock"))
    assert failure.value.explanation


def test_packages_within_the_project_are_those_of_this_release(root, wheel, project):
    library = project / "library"
    (library / "cloth").mkdir(parents=True)
    (library / "cloth" / "__init__.py").write_text("version = 'first'\n")
    (library / "pyproject.toml").write_text(LIBRARY)
    with (project / "pyproject.toml").open("a") as manifest:
        manifest.write('[tool.uv.sources]\ncloth = { path = "library" }\n')
    subprocess.run([find_uv_bin(), "lock", "--quiet"], cwd=project, check=True)
    after = shutil.copytree(project, project.with_name("after"))
    (after / "library" / "cloth" / "__init__.py").write_text("version = 'second'\n")
    made = [prepare(root, requires(lock=folder / "uv.lock"), builder="unconfined") for folder in (project, after)]
    assert [ask(environment, "import cloth; print(cloth.version)") for environment in made] == ["first", "second"]


def test_a_missing_lock_is_an_error(root, wheel, project):
    with pytest.raises(EnvironmentFailed, match=r"pylock\.toml could not be read: No such file"):
        prepare(root, requires(lock=project / "pylock.toml"))


# --- collected -------------------------------------------------------------------------------------------------------


def test_what_nothing_uses_is_removed(root, wheel):
    wheel("cloth", "1.0")
    wheel("thread", "1.0")
    used, unused = prepare(root, requires("cloth")), prepare(root, requires("thread"))
    environments = Environments(root)
    assert environments.collect({used.digest}, idle=3600) == []
    assert environments.collect({used.digest}) == [unused.digest]
    assert folders(root) == [used.digest]
    assert sorted(path.name for path in root.iterdir()) == [used.digest, f"{used.digest}.lock", "resolutions"]
    assert len(list((root / "resolutions").iterdir())) == 1
    assert ask(prepare(root, requires("thread")), "import thread; print(thread.version)") == "1.0"


def test_what_is_under_construction_stays(root, wheel):
    wheel("cloth", "1.0")
    collected: list[list[str]] = []
    environments = Environments(root)

    def collect(line: str) -> None:
        if line.startswith(("building", "Installed")):
            collected.append(environments.collect(set()))

    environment = asyncio.run(environments.prepare(requires("cloth"), plugin="shop", progress=collect))
    assert collected == [[], []]
    assert ask(environment, "import cloth; print(cloth.version)") == "1.0"


def test_what_a_crash_left_is_removed(root, wheel):
    wheel("cloth", "1.0")
    digest = prepare(root, requires("cloth")).digest
    (root / digest / "weft-environment.json").unlink()
    assert Environments(root).collect(set(), idle=3600) == [digest]


def test_what_was_being_written_long_ago_is_collected(root):
    old, new = (root / "resolutions" / name for name in (".new-old", ".new-new"))
    old.parent.mkdir(parents=True)
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    Environments(root).collect(set())
    assert (old.exists(), new.exists()) == (False, True)


def test_collecting_where_nothing_was_made(root):
    assert Environments(root).collect(set()) == []


# --- without a network -----------------------------------------------------------------------------------------------


@pytest.mark.network
@pytest.mark.parametrize("cut", [{"UV_OFFLINE": "1"}, {"HTTPS_PROXY": "http://127.0.0.1:9", "UV_HTTP_RETRIES": "0"}])
def test_cached_packages_need_no_network(tmp_path, monkeypatch, cut):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    prepare(tmp_path / "online" / "environments", requires("iniconfig"))
    for name, value in cut.items():
        monkeypatch.setenv(name, value)
    environment = prepare(tmp_path / "offline" / "environments", requires("iniconfig"))
    assert ask(environment, "import iniconfig; print(iniconfig.__name__)") == "iniconfig"
    assert environment.helpers is not None
