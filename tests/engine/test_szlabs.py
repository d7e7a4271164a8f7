"""Plugins with szlabs go-plugin's ``plugin.json``, run: modules, compiled extensions, code from repositories."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sysconfig
from pathlib import Path

import pytest

import weft
from weft.errors import DrainEnded, LoadFailed, ManifestError, PackageError, StartFailed

EXTENSION = r"""
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *execute(PyObject *self, PyObject *ctx) {
    PyObject *name = PyObject_CallMethod(ctx, "get_value", "s", "name");
    if (name == NULL) return NULL;
    PyObject *greeting = PyUnicode_FromFormat("hello, %S, from C", name);
    Py_DECREF(name);
    return greeting;
}
static PyMethodDef methods[] = {{"Execute", execute, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "sample", NULL, -1, methods};
PyMODINIT_FUNC PyInit_sample(void) { return PyModule_Create(&module); }
"""
NO_EXTENSION = "int Execute(void) { return 0; }\n"


def compile_c(source: str, target: Path) -> None:
    """A shared library."""
    file = target.with_suffix(".c")
    file.write_text(source)
    include = sysconfig.get_paths()["include"]
    subprocess.run(["gcc", "-shared", "-fPIC", f"-I{include}", "-o", target, file], check=True)
    file.unlink()


def commit_all(folder: Path) -> None:
    """What is in the folder, as the latest commit of a repository there."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "--message", "x"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def plugin(tmp_path):
    """``plugin(code, folder=…, **fields)``: a folder with a plugin.json of these fields, and ``sample.py``."""

    def write(code="", folder="sample", **fields):
        source = {"mode": "local_so", "path": "sample.so"}
        into = tmp_path / "plugins" / folder
        into.mkdir(parents=True)
        if code:
            (into / "sample.py").write_text(code)
        (into / "plugin.json").write_text(json.dumps({"name": folder, "version": "0.1.0", "source": source, **fields}))
        return into

    return write


@pytest.fixture
def execute(run, tmp_path):
    """``execute(source, **values)``: the result of the one plugin there."""

    def once(source, **values):
        async def main():
            async with weft.Engine(tmp_path / "state") as engine:
                await engine.load(source)
                return await engine.use(weft.Task).execute(weft.TaskContext(values))

        return run(main())

    return once


def test_a_module_in_place_of_gos_so(plugin, execute):
    source = plugin("def Execute(ctx):\n    return ctx.get_value('a') + 1\n")
    assert execute(source, a=1) == 2


@pytest.mark.system_package("gcc")
@pytest.mark.parametrize("name", ["sample.so", f"sample{sysconfig.get_config_var('EXT_SUFFIX')}", "sample.abi3.so"])
def test_a_compiled_extension(plugin, execute, name):
    source = plugin()
    compile_c(EXTENSION, source / name)
    assert execute(source, name="Ada") == "hello, Ada, from C"


@pytest.mark.system_package("gcc")
def test_one_for_another_python_is_told(plugin, execute):
    source = plugin()
    compile_c(EXTENSION, source / "sample.cpython-35m-x86_64-linux-gnu.so")
    with pytest.raises(StartFailed, match=r"plugin sample 0\.1\.0: sample\.cpython-35m.*no extension for this Python"):
        execute(source)


@pytest.mark.system_package("gcc")
def test_what_is_no_extension_at_all_is_told(plugin, execute):
    source = plugin()
    compile_c(NO_EXTENSION, source / "sample.so")
    with pytest.raises(StartFailed, match=r"sample\.so is no extension for this Python.*PyInit_sample"):
        execute(source)


@pytest.mark.network
@pytest.mark.system_package("git")
def test_the_packages_that_a_repository_names_are_there(plugin, execute):
    code = plugin("import idna\n\ndef Execute(ctx):\n    return idna.encode(ctx.get_value('name'))\n", "code")
    (code / "plugin.json").unlink()
    (code / "requirements.txt").write_text("idna>=3\n")
    commit_all(code)
    source = plugin(source={"mode": "remote_git", "path": f"file://{code}"})
    assert execute(source, name="\u00e9.example") == b"xn--9ca.example"


def test_a_module_without_execute_and_one_that_is_no_function(plugin, execute):
    with pytest.raises(StartFailed, match="module sample has no attribute 'Execute'"):
        execute(plugin("x = 1\n"))
    with pytest.raises(StartFailed, match=r"expected a function Execute\(ctx\)"):
        execute(plugin("Execute = 1\n", "other"))


def test_in_a_folder_of_plugins_the_folder_has_the_plugins_name(plugin, run, tmp_path):
    plugin("def Execute(ctx): ...\n", "alpha")
    plugin("def Execute(ctx): ...\n", "beta", name="gamma")

    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            with pytest.raises(LoadFailed) as failed:
                await engine.load(tmp_path / "plugins")
            assert list(engine.plugins) == ["alpha"]
            (error,) = failed.value.errors.values()
            assert isinstance(error, ManifestError)
            assert "is named gamma, and its folder beta" in str(error)
            (loaded,) = await engine.load(tmp_path / "plugins" / "beta")  # named directly, it may lie anywhere
            assert loaded.name == "gamma"

    run(main())


@pytest.mark.system_package("git")
def test_code_from_a_repository_is_upgraded_from_the_same_source(plugin, run, tmp_path):
    code = tmp_path / "code"
    code.mkdir()

    def commit(text):
        (code / "sample.py").write_text(text)
        commit_all(code)

    commit("def Execute(ctx):\n    return 1\n")
    source = plugin(source={"mode": "remote_git", "path": f"file://{code}"})

    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            await engine.load(source)
            task = engine.use(weft.Task, "sample")
            assert await task.execute(weft.TaskContext()) == 1
            await asyncio.to_thread(commit, "def Execute(ctx):\n    return 2\n")
            await engine.upgrade("sample", source)
            assert await task.execute(weft.TaskContext()) == 2

    run(main())


@pytest.fixture
def silent():
    """A listening socket that nobody answers at, and the address of a repository there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener, f"https://127.0.0.1:{listener.getsockname()[1]}/code.git"


async def asked(listener):
    """A connection of git's, which waits for an answer."""
    connection, _ = await asyncio.get_running_loop().sock_accept(listener)
    return connection


@pytest.mark.system_package("git")
def test_a_repository_that_does_not_answer_holds_up_no_other_load(plugin, run, tmp_path, silent):
    listener, url = silent
    afar = plugin(folder="afar", source={"mode": "remote_git", "path": url})
    near = plugin("def Execute(ctx):\n    return 1\n", "near", source={"mode": "local_so", "path": "sample.so"})
    lines = []

    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            loading = asyncio.create_task(engine.load(afar, progress=lines.append))
            with await asked(listener):
                await engine.load(near)
                assert await engine.use(weft.Task, "near").execute(weft.TaskContext()) == 1
                await engine.unload("near")
                await engine.load(near)
                assert not loading.done()
            listener.close()
            with pytest.raises(PackageError, match=f"repository {url}: git says"):
                await loading
            assert list(engine.plugins) == ["near"]

    run(main())
    assert lines == [f"afar: fetching {url}"]


REQUIRING = """
# /// script
# [tool.weft]
# version = "0.1"
# entry = "{name}:work"
# provides = ["task"]
# requires.plugins = {{ {required} = ">=0.1" }}
# ///
def work(ctx):
    return "{name}"
"""
NEAR = {"folder": "near", "source": {"mode": "local_so", "path": "sample.so"}}


@pytest.fixture
def requiring(tmp_path):
    """``requiring(name, required)``: a plugin in the folder of them that requires another."""

    def write(name, required):
        (tmp_path / "plugins" / f"{name}.py").write_text(REQUIRING.format(name=name, required=required))

    return write


async def until_loaded(engine, *names):
    while {*engine.plugins} != {*names}:
        await asyncio.sleep(0.02)
    return [await engine.use(weft.Task, name).execute(weft.TaskContext()) for name in names]


@pytest.mark.system_package("git")
def test_one_of_a_folder_that_does_not_answer_holds_up_only_what_requires_it(
    plugin, requiring, run, tmp_path, silent, below
):
    listener, url = silent
    plugin(folder="afar", source={"mode": "remote_git", "path": url})
    plugin("def Execute(ctx):\n    return 'near'\n", **NEAR)
    requiring("a_last", "near")
    requiring("held", "afar")
    requiring("held_too", "held")

    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            cancelled = asyncio.create_task(engine.load(tmp_path / "plugins"))
            with await asked(listener):
                assert await until_loaded(engine, "near", "a_last") == ["near", "a_last"]
                cancelled.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await cancelled
                assert not engine.plugins
                assert not any("git" in each.command for each in below(os.getpid()))

            loading = asyncio.create_task(engine.load(tmp_path / "plugins"))
            with await asked(listener):
                assert await until_loaded(engine, "near", "a_last") == ["near", "a_last"]
                assert not loading.done()
                listener.close()
            with pytest.raises(LoadFailed) as failed:
                await loading
            assert failed.value.loaded == ("a_last", "near")
            errors = {name: str(error) for name, error in failed.value.errors.items()}
            assert f"repository {url}: git says" in errors.pop(str(tmp_path / "plugins" / "afar"))
            assert "held requires afar >=0.1, which does not run" in errors.pop("held")
            assert "held_too requires held >=0.1, which does not run" in errors.pop("held_too")
            assert not errors
            assert [*engine.plugins] == ["near", "a_last"]

    run(main())


@pytest.mark.system_package("git")
def test_what_requires_one_from_a_repository_starts_after_it(plugin, requiring, run, tmp_path):
    code = plugin("def Execute(ctx):\n    return 'afar'\n", "code").rename(tmp_path / "code")
    commit_all(code)
    plugin(folder="afar", source={"mode": "remote_git", "path": f"file://{code}"})
    plugin("def Execute(ctx):\n    return 'near'\n", **NEAR)
    requiring("a_held", "afar")
    requiring("b_last", "near")

    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            given = {"near": {}, "afar": {}}
            loaded = await engine.load(tmp_path / "plugins", config=given)
            assert [each.name for each in loaded] == ["a_held", "afar", "b_last", "near"]
            order = [*engine.plugins]
            assert order.index("a_held") > order.index("afar")

    run(main())


@pytest.mark.system_package("git")
def test_a_load_that_is_cancelled_ends_its_git(plugin, run, tmp_path, silent, below):
    listener, url = silent
    afar = plugin(folder="afar", source={"mode": "remote_git", "path": url})

    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            loading = asyncio.create_task(engine.load(afar))
            with await asked(listener):
                assert any("git fetch" in each.command for each in below(os.getpid()))
                loading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await loading
                assert not any("git" in each.command for each in below(os.getpid()))

    run(main())
    assert not list((tmp_path / "state/loaded").rglob("checkout"))


OURS = """
[project]
name = "its-own"
version = "9.0.0"

[tool.weft]
entry = "sample:work"
provides = ["task"]
"""


@pytest.mark.system_package("git")
def test_a_repository_that_says_what_it_is_does_so_in_an_event(plugin, run, tmp_path):
    code = plugin("def work(ctx):\n    return 3\n", "code")
    (code / "pyproject.toml").write_text(OURS)
    commit_all(code)
    events = []

    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            engine.listen(events.append)
            source = plugin(folder="outer", source={"mode": "remote_git", "path": f"file://{code}"})
            (loaded,) = await engine.load(source)
            assert (loaded.name, loaded.version) == ("outer", "9.0.0")
            assert await engine.use(weft.Task).execute(weft.TaskContext()) == 3

    run(main())
    (told,) = [each for each in events if each.kind == "described_elsewhere"]
    assert told.plugin == "outer"
    assert "its pyproject.toml says what the plugin is, and plugin.json gives its name alone" in told.message


LOOPS = """
def Execute(ctx):
    ctx.set_value("began", True)
    while not ctx.done.wait(0.01):
        pass
    ctx.set_value("why", f"{type(ctx.err).__name__}: {ctx.err}")
    return "left in good order"
"""
HEEDLESS = """
import time

def Execute(ctx):
    ctx.set_value("began", True)
    for _ in range(100):
        time.sleep(0.05)
"""
HEEDLESS_UNTIL_GONE = """
import time

def Execute(ctx):
    ctx.set_value("began", True)
    for _ in range(1000):
        if ctx.get_value("unloaded"):
            return
        time.sleep(0.01)
"""


@pytest.fixture
def unloaded(run, tmp_path):
    """``unloaded(source, limits)``: a plugin unloaded while it executes: what came of that, and its context."""

    def during(source, events=None):
        async def main():
            async with weft.Engine(tmp_path / "state") as engine:
                engine.listen((events if events is not None else []).append)
                (plugin,) = await engine.load(source)
                pids = [member.pid for member in plugin.instances]
                context = weft.TaskContext()
                work = asyncio.create_task(engine.use(weft.Task).execute(context))
                while not context.get_value("began"):
                    await asyncio.sleep(0.01)
                await engine.unload(plugin.name)
                context.set_value("unloaded", True)
                (result,) = await asyncio.gather(work, return_exceptions=True)
                return result, context, pids

        return run(main())

    return during


def with_limits(folder, runtime, **limits):
    """Our own manifest of the same plugin, which can say how it runs."""
    (folder / "plugin.json").unlink()
    lines = {"name": "sample", "version": "0.1.0", "entry": "sample:Execute", "runtime": runtime, "provides": "[task]"}
    (folder / "plugin.yaml").write_text(
        "".join(f"{key}: {value}\n" for key, value in {**lines, "limits": json.dumps(limits)}.items())
    )
    return folder


@pytest.mark.parametrize("runtime", ["inline", "process"])
def test_what_runs_is_told_of_an_unload_and_may_finish(plugin, unloaded, runtime):
    result, context, _ = unloaded(with_limits(plugin(LOOPS), runtime, drain="20s"))
    assert result == "left in good order"
    assert context.get_value("why").startswith("TaskCancelled: the plugin is unloaded")


def test_what_does_not_heed_it_ends_with_its_process_and_the_memory_is_given_back(plugin, unloaded):
    result, _, pids = unloaded(with_limits(plugin(HEEDLESS), "process", drain="200ms"))
    assert isinstance(result, DrainEnded)
    assert pids
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_inline_what_still_runs_is_named(plugin, unloaded):
    events = []
    unloaded(with_limits(plugin(HEEDLESS_UNTIL_GONE), "inline", drain="200ms"), events)
    (left,) = [event for event in events if event.kind == "left_running"]
    assert "goes on in this process: Execute at " in left.message
    assert "sample.py:" in left.message


def test_an_upgrade_lets_what_runs_go_on(plugin, run, tmp_path):
    slow = "def Execute(ctx):\n    ctx.set_value('began', True)\n    return ctx.done.wait(1)\n"
    source = plugin(slow)

    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            await engine.load(source)
            context = weft.TaskContext()
            work = asyncio.create_task(engine.use(weft.Task).execute(context))
            while not context.get_value("began"):
                await asyncio.sleep(0.01)
            await engine.upgrade(
                "sample",
                plugin(
                    "def Execute(ctx): ...", "other", name="sample", source={"mode": "local_so", "path": "sample.py"}
                ),
            )
            assert await work is False

    run(main())
