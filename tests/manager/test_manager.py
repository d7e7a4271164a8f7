"""The shape of szlabs go-plugin's manager: its sample host, and each verb with what it refuses."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import weft
import weft.sync
from weft.errors import ManifestError, PluginError, StartFailed, TaskCancelled, UnknownPlugin, UsageError
from weft.manager import PluginManager, background, default_manager
from weft.sdk import BasePluginContext

SAMPLE_HOST = Path(__file__).parent / "programs" / "sample_host.py"
ECHO = "def Execute(ctx):\n    return ctx.get_value('say')\n"


@pytest.fixture
def plugin(tmp_path):
    """``plugin(place, code, **fields)``: a folder of the base folder."""

    def write(place, code=ECHO, **fields):
        folder = tmp_path / "plugins" / place
        folder.mkdir(parents=True, exist_ok=True)
        source = {"mode": "local_so", "path": f"{place}.so"}
        (folder / "plugin.json").write_text(json.dumps({"name": place, "version": "0.1.0", "source": source, **fields}))
        (folder / f"{place}.py").write_text(code)
        return folder

    return write


@pytest.fixture
def manager(tmp_path):
    with PluginManager() as manager:
        manager.set_plugin_base_dir(tmp_path / "plugins")
        yield manager


def executed(manager, name, **values):
    _, executor = manager.get_plugin(name)
    context = background()
    for key, value in values.items():
        context.set_value(key, value)
    return executor(context)


def test_the_sample_host_line_by_line(plugin, tmp_path):
    plugin("sample", "def Execute(ctx):\n    ctx.set_value('said', ctx.get_value('sample')['name'])\n", version="0.1.0")
    command = [sys.executable, SAMPLE_HOST]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"[INFO]: Plugin base dir: {tmp_path}/plugins",
        "[INFO]: Plugin 'sample' loaded with version '0.1.0'",
        "[INFO]: Plugin said 'hello go-plugin'",
    ]


def test_the_sample_host_without_its_plugin(tmp_path):
    (tmp_path / "plugins").mkdir()
    command = [sys.executable, SAMPLE_HOST]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "[Error]: there is no plugin 'sample'" in done.stdout


def test_a_spec_is_what_plugin_json_says(plugin, manager):
    plugin("sample", description="Says it again", maintainers=["ada@example.org"], home="https://example.org")
    assert manager.load_plugins() == {}
    spec, _ = manager.get_plugin("sample")
    assert (spec.name, spec.version, spec.description) == ("sample", "0.1.0", "Says it again")
    assert (spec.maintainers, spec.home, spec.http_services) == (("ada@example.org",), "https://example.org", None)


def test_bad_plugins_stop_no_other_and_each_says_why(plugin, manager, tmp_path, caplog):
    plugin("alpha")
    plugin("another_name", name="beta")
    plugin("bad_version", version="one")
    plugin("docker", source={"mode": "docker", "path": "x"})
    (tmp_path / "plugins/empty").mkdir()
    plugin("no_artifact", source={"mode": "local_so", "path": "absent.so"})
    plugin("no_function", "Execute = 1\n")
    plugin("no_source", source=None)
    plugin("raises", "1 / 0\n")
    plugin("zeta")
    (tmp_path / "plugins/notes.txt").write_text("no folder")
    with caplog.at_level(logging.WARNING, "weft.manager"):
        failed = manager.load_plugins()
    said = {name: str(error) for name, error in failed.items()}
    expected = {
        "another_name": "is named beta, and its folder another_name",
        "bad_version": "'one' is not a version by semver 2",
        "docker": "'docker' is not known (known: local_so, remote_git)",
        "empty": "has no plugin.json",
        "no_artifact": "there is no absent.so, no absent.py and no package absent",
        "no_function": "expected a function Execute(ctx)",
        "no_source": "source: is missing",
        "raises": "ZeroDivisionError",
    }
    assert list(said) == list(expected)
    assert [name for name, message in expected.items() if message not in said[name]] == []
    assert [record.args[0] for record in caplog.records] == list(expected)
    assert (executed(manager, "alpha", say=1), executed(manager, "zeta", say=2)) == (1, 2)


def test_loading_a_loaded_name_replaces_it(plugin, manager):
    plugin("sample", "def Execute(ctx):\n    return 'old'\n")
    manager.load_plugin("sample")
    _, executor = manager.get_plugin("sample")
    plugin("sample", "def Execute(ctx):\n    return 'new'\n", version="0.2.0")
    manager.load_plugin("sample")
    assert executor(background()) == "new"
    assert manager.get_plugin("sample")[0].version == "0.2.0"
    plugin("sample", "1 / 0\n", version="0.3.0")
    with pytest.raises(StartFailed):
        manager.load_plugin("sample")
    assert executor(background()) == "new"


def test_a_plugin_is_unloaded(plugin, manager):
    plugin("sample")
    manager.load_plugins()
    manager.unload_plugin("sample")
    with pytest.raises(UnknownPlugin, match="there is no plugin 'sample'"):
        manager.get_plugin("sample")
    with pytest.raises(UnknownPlugin):
        manager.unload_plugin("sample")
    manager.load_plugin("sample")
    assert executed(manager, "sample", say=3) == 3


def test_a_base_folder_is_needed(manager, tmp_path):
    with pytest.raises(UsageError, match="call set_plugin_base_dir first"):
        PluginManager().load_plugins()
    with pytest.raises(UsageError, match="is not there: make it"):
        manager.load_plugins()


@pytest.mark.parametrize("name", ["absent", "", "..", "sample/../sample", "/etc"])
def test_only_a_plugin_of_the_base_folder_is_loaded(plugin, manager, name):
    plugin("sample")
    with pytest.raises(UnknownPlugin, match="expected a folder of that name"):
        manager.load_plugin(name)


def test_a_folder_without_plugin_json(manager, tmp_path):
    (tmp_path / "plugins/empty").mkdir(parents=True)
    with pytest.raises(ManifestError, match=r"has no plugin\.json"):
        manager.load_plugin("empty")


def test_what_execute_raises_is_the_callers(plugin, manager):
    plugin("sample", "def Execute(ctx):\n    raise ValueError('label is not set in the plugin context')\n")
    manager.load_plugins()
    with pytest.raises(PluginError, match="ValueError: label is not set in the plugin context"):
        executed(manager, "sample")


def test_a_context_ends_what_runs_on_it(plugin, manager):
    plugin("sample", "def Execute(ctx):\n    ctx.SetValue('began', True)\n    ctx.Done().wait(30)\n")
    manager.load_plugins()
    _, executor = manager.get_plugin("sample")
    context = background()
    ended = []

    def execute():
        try:
            executor(context)
        except TaskCancelled as error:
            ended.append(error)

    thread = threading.Thread(target=execute)
    thread.start()
    while not context.get_value("began"):
        assert thread.is_alive()
    context.cancel()
    thread.join(20)
    assert len(ended) == 1


GO_SPELLING = """
def Execute(ctx):
    deadline, there_is = ctx.Deadline()
    ctx.SetValue("seen", [ctx.GetValue("a"), ctx.get_value("a"), bool(ctx.Done()), bool(ctx.done)])
    ctx.set_value("ends", [there_is, deadline == ctx.deadline, ctx.Err() is None, ctx.err is None])
"""


def test_the_context_speaks_both_spellings(plugin, manager):
    plugin("sample", GO_SPELLING)
    manager.load_plugins()
    _, executor = manager.get_plugin("sample")
    context = BasePluginContext({"a": 1})
    executor(context)
    assert context.GetValue("seen") == [1, 1, False, False]
    assert context.GetValue("ends") == [True, True, True, True]
    assert isinstance(context, weft.TaskContext)
    context.SetValue(" ", 1)
    assert context.values.keys() == {"a", "seen", "ends"}


def test_an_engine_of_the_hosts_own_is_used_and_left_alone(plugin, tmp_path):
    plugin("sample")
    with weft.sync.Engine(tmp_path / "state") as engine:
        with PluginManager(engine) as manager:
            manager.set_plugin_base_dir(tmp_path / "plugins")
            manager.load_plugins()
        assert engine.use(weft.sync.Task, "sample").execute(background()) is None


def test_a_base_folder_is_followed_by_an_engine_that_watches_it(plugin, tmp_path):
    base = tmp_path / "plugins"
    base.mkdir()
    plugin("sample", "def Execute(ctx):\n    return 'old'\n")
    with weft.sync.Engine(tmp_path / "state") as engine:
        manager, events = PluginManager(engine), engine.events()
        engine.load(base, watch=True)
        _, executor = manager.get_plugin("sample")
        assert executor(background()) == "old"

        def until(kind, name):
            assert (
                next(each for each in events if each.kind in (kind, "load_failed") and each.plugin == name).kind == kind
            )

        plugin("sample", "def Execute(ctx):\n    return 'new'\n", version="0.2.0")
        until("drained", "sample")
        assert (executor(background()), manager.get_plugin("sample")[0].version) == ("new", "0.2.0")
        plugin("second")
        until("running", "second")
        assert executed(manager, "second", say=2) == 2
        shutil.rmtree(base / "sample")
        until("unloaded", "sample")
        with pytest.raises(UnknownPlugin):
            manager.get_plugin("sample")


def test_there_is_one_default_manager():
    assert default_manager() is default_manager()
