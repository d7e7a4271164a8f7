"""Starting a plugin in a process: what works, and what every way of failing says."""

from __future__ import annotations

import asyncio
import os

import pytest
import uvloop

from weft.errors import StartFailed
from weft.runtimes.process.runtime import ProcessRuntime


def test_a_plugin_starts_says_what_it_is_and_stops(run, started, get):
    async def main():
        async with started("hello", variables={"RELEASE": "one"}) as (instance, _):
            assert (instance.facts.entry, instance.facts.provides, instance.facts.kind) == (
                "hello:app", ("web@1",), "asgi",
            )  # fmt: skip
            assert await get(instance) == (200, f"one {instance.pid}".encode())
            assert instance.pid != os.getpid()
            await instance.ping(5)
            usage = instance.usage()
            assert 1_000_000 < usage["memory"] < 100_000_000
            while instance.usage()["cpu"] == 0:  # counted in hundredths of a second
                await get(instance)
        assert str(await instance.ended()) == "exited with code 0"
        assert instance.usage() == {}
        assert instance.channel.closed
        await instance.stop(1)

    run(main())


FAILURES = {
    "syntax_error": ("SyntaxError", "never closed", "syntax_error.py"),
    "missing_package": ("ModuleNotFoundError", "among the plugin's dependencies", "surely_not_installed_anywhere"),
    "exits_at_import": ("", "not today", ""),
    "dies_at_import": ("", "exited with code 7 before it was ready", "last words"),
    "raises_at_init": ("ValueError", "the cupboard is bare", 'raise ValueError("the cupboard is bare")'),
    "lifespan_failed": ("", "no database today", ""),
    "no_application": ("", "expected an ASGI or WSGI application", ""),
    "no_such_module": ("ModuleNotFoundError", "no_such_module", ""),
    "hello:wrong": ("", "has no attribute 'wrong'", ""),
}


@pytest.mark.parametrize("entry", FAILURES)
def test_every_failure_to_start_says_why(run, launch, entry):
    type_name, message, traceback = FAILURES[entry]

    async def main():
        with pytest.raises(StartFailed) as caught:
            await ProcessRuntime().start(launch(entry), lambda line: None)
        error = caught.value
        assert error.plugin == entry
        assert error.version == "1.0"
        assert message in str(error)
        assert type_name in (error.type_name, "")
        assert traceback in error.traceback
        assert "weft/sdk" not in error.traceback

    run(main())


def test_a_plugin_that_is_never_ready_is_ended_at_its_limit(run, launch):
    async def main():
        lines = []
        reason = r"was not ready within .* s \(limits\.startup\): .* raise limits\.startup"
        with pytest.raises(StartFailed, match=reason) as caught:
            await ProcessRuntime().start(launch("never_ready", startup=0.5), lines.append)
        assert {(line.stream, line.text) for line in lines} == {("stdout", "still thinking"), ("stderr", "and waiting")}
        assert caught.value.traceback.splitlines() == [line.text for line in lines]

    run(main())


def test_an_init_that_blocks_ends_at_the_limit_too(run, launch):
    async def main():
        lines = []
        with pytest.raises(StartFailed, match=r"was not ready within .* s \(limits\.startup\)"):
            await ProcessRuntime().start(launch("blocks_at_init", startup=0.5), lines.append)
        assert [line.text for line in lines] == ["thinking"]

    run(main())


def test_a_cancelled_start_leaves_nothing(run, launch):
    async def main():
        lines = []
        starting = asyncio.create_task(ProcessRuntime().start(launch("never_ready"), lines.append))
        while not lines:
            await asyncio.sleep(0.005)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    run(main())


def test_an_interpreter_that_cannot_be_run_is_told(run, launch, tmp_path):
    async def main():
        with pytest.raises(StartFailed, match="cannot be run"):
            await ProcessRuntime().start(
                type(launch("hello"))(**{**vars(launch("hello")), "interpreter": (str(tmp_path / "none"),)}), print
            )

    run(main())


def test_a_link_in_its_data_folder_lets_nobody_make_folders_elsewhere(run, launch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    data = tmp_path / "data" / "hello"
    data.mkdir(parents=True)
    (data / ".local").symlink_to(elsewhere)

    async def main():
        with pytest.raises(StartFailed, match=r"\.local"):
            await ProcessRuntime().start(launch("hello"), lambda line: None)

    run(main())
    assert not list(elsewhere.iterdir())


def test_output_carries_level_stream_and_time(run, started):
    async def main():
        async with started("noisy") as (_, lines):
            await lines.until("hushed")
        found = {line.text: (line.level, line.stream) for line in lines}
        assert found["plain words"] == ("info", "stdout")
        assert found["WARNING: printed"] == ("warning", "stderr")
        assert found["logged\nin two lines"] == ("error", "stderr")
        assert found["hushed"] == ("info", "stderr")
        assert "unheard" not in found

    run(main())


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_process_gets_few_variables_and_its_own_folders(loop, started, get, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_HOST", "x")
    monkeypatch.setenv("PASSED", "y")
    folder = tmp_path / "plugin"
    folder.mkdir()
    (folder / "shows.py").write_text(
        "import json, os, sys\n"
        "async def app(scope, receive, send):\n"
        "    assert scope['type'] == 'http'\n"
        "    fds = range(200) if sys.platform == 'linux' else []\n"
        "    links = [os.readlink(f'/proc/self/fd/{n}') for n in fds if os.path.lexists(f'/proc/self/fd/{n}')]\n"
        "    body = json.dumps([dict(os.environ), os.getcwd(), links]).encode()\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': body})\n"
    )

    async def main():
        import json

        secret = tmp_path / "of-the-host"
        inherited = os.open(secret, os.O_CREAT | os.O_RDONLY)
        os.set_inheritable(inherited, True)
        try:
            async with started("shows", folder=folder, passed=("PASSED",), variables={"OWN": "z"}) as (instance, _):
                variables, cwd, files = json.loads((await get(instance))[1])
        finally:
            os.close(inherited)
        assert "SECRET_OF_THE_HOST" not in variables
        assert (variables["PASSED"], variables["OWN"]) == ("y", "z")
        assert variables["HOME"] == variables["WEFT_DATA_DIR"] == str(tmp_path / "data" / "shows")
        assert cwd == str(folder)
        assert str(secret) not in files

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
