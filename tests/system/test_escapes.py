"""Plugins of a server that try to take it over: none comes by its secrets or its management, and attempts are told."""

from __future__ import annotations

import ast
import asyncio
import json
import sys
from pathlib import Path

import pytest

ESCAPES = Path(__file__).parents[1] / "plugins/escapes"
SOURCE = ESCAPES / "manages.py"
ATTEMPTS = [
    node.name for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.FunctionDef) and not node.args.args
]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a sandbox")


async def deploy(site, tmp_path, name, **limits):
    """The folder of an escaping plugin, as a plugin.yaml names it."""
    folder = tmp_path / name
    folder.mkdir()
    for each in (name, "attempts"):
        (folder / f"{each}.py").write_text((ESCAPES / f"{each}.py").read_text())
    manifest = {"name": name, "version": "1.0.0", "entry": f"{name}:app", "limits": limits}
    (folder / "plugin.yaml").write_text(json.dumps(manifest))
    packed = tmp_path / f"{name}.plg"
    done = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "weft"), "pack", str(folder), "-o", str(packed)
    )
    assert await done.wait() == 0
    state = site.server.state
    entries = sorted(state.iterdir())
    targets = {
        "state": str(state),
        "port": site.port,
        "folders": [each.name for each in entries if each.is_dir()],
        "files": [each.name for each in entries if each.is_file()],
    }
    files = {"plugin": (packed.name, packed.read_bytes())}
    answer = await site.manage("POST", "", files=files, data={"env": json.dumps({"TARGETS": json.dumps(targets)})})
    assert answer.status_code == 200, answer.text


def test_the_server_is_not_managed_and_keeps_its_secrets(run, site, tmp_path):
    async def main():
        await deploy(site, tmp_path, "manages")
        try:
            async with site.beside_healthy():
                answers = {name: json.loads((await site.ask("manages", f"/{name}")).body) for name in ATTEMPTS}
            assert {name: text for name, (done, text) in answers.items() if done} == {}
            refusals = {name: text.partition(":")[0] for name, (_, text) in answers.items()}
            assert set(refusals.values()) <= {"PermissionError", "FileNotFoundError", "OSError"}, answers
            for each in ("by_the_port", "by_the_control_socket", "removes_another"):
                assert answers[each][1] == "PermissionError: 401"
            assert (site.server.state / "control.sock").is_socket()
            assert (await site.status("healthy"))["state"] == "running"
        finally:
            await site.remove_all()

    assert len(ATTEMPTS) > 10
    run(main())


def test_refused_calls_are_among_the_events(run, site, tmp_path):
    async def main():
        await deploy(site, tmp_path, "calls")
        try:
            assert not json.loads((await site.ask("calls", "/mount")).body)[0]
            assert not json.loads((await site.ask("calls", "/flood_of_refused_calls")).body)[0]
            async with asyncio.timeout(10):
                while not {"mount", "socket of no known family"} <= {
                    call for each in await refused(site) for call in each
                }:
                    await asyncio.sleep(0.1)
            assert len(await refused(site)) < 100
        finally:
            await site.remove_all()

    run(main())


BOMBS = {
    "memory": ("memory", {"memory": "64MiB"}),
    "memory_of_a_child": ("memory", {"memory": "64MiB"}),
    "processes": ("processes", {"processes": 2}),
    "disk": ("", {"disk": "8MiB"}),  # the kernel refuses a file as large as that: there is nothing to tell
    "disk_in_many_files": ("disk", {"disk": "8MiB"}),
    "empty_files": ("disk", {"disk": "8MiB"}),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_a_plugin_uses_up_is_its_own(run, site, tmp_path, bomb):
    limit, limits = BOMBS[bomb]

    async def main():
        await deploy(site, tmp_path, "bombs", **limits)
        before = len(await told(site, "limit"))
        try:
            async with site.beside_healthy():
                going_off = asyncio.create_task(site.ask("bombs", f"/{bomb}"))
                async with asyncio.timeout(50):  # what the file system does not show is looked for each half minute
                    if limit:
                        while limit not in [each["limit"] for each in (await told(site, "limit"))[before:]]:
                            await asyncio.sleep(0.05)
                    else:
                        assert "File too large" in (await going_off).body.decode()
                going_off.cancel()
                await asyncio.wait([going_off])
        finally:
            await site.remove_all()

    run(main())


async def refused(site):
    """The calls that each event of the kind names."""
    return [each["calls"] for each in await told(site, "refused")]


async def told(site, kind):
    """What belongs to each event of that kind."""
    answer = await asyncio.to_thread(site._control.get, "/api/v1/events")
    events = [json.loads(line) for line in answer.text.splitlines()]
    return [each["data"] for each in events if each["kind"] == kind]
