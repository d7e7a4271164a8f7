"""Plugins with szlabs go-plugin's ``plugin.json``, run: modules, compiled extensions, code from repositories."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sysconfig
from pathlib import Path

import pytest

import weft
from weft.errors import LoadFailed, ManifestError, StartFailed

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
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        for command in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "--message", "x"]):
            subprocess.run(["git", *command], cwd=code, check=True, capture_output=True)

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
