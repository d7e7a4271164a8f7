"""What an instance is started with: its plugin's permissions as they were decided, and how far they must hold."""

from __future__ import annotations

import pytest

from weft import sync
from weft.engine import Engine
from weft.errors import UsageError
from weft.runtimes.process.runtime import ProcessRuntime


class Watched(ProcessRuntime):
    """The runtime, and what it was asked to start."""

    def __init__(self):
        super().__init__()
        self.launches = []

    async def start(self, launch, output):
        self.launches.append(launch)
        return await super().start(launch, output)


def watched(engine):
    """The runtime of an engine, watched."""
    engine._runtimes._isolated = {"process": (runtime := Watched())}
    return runtime


@pytest.mark.parametrize("sandbox", ["required", "best-effort"])
def test_every_instance_is_told_what_it_may_touch(run, engine, write, tmp_path, sandbox):
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    lines = [
        f'permissions.read = ["{tmp_path}/link"]',
        "permissions.ports = [443]",
        'permissions.env = ["LANG"]',
        'limits.disk = "5MiB"',
        "instances = 2",
    ]
    write(tmp_path / "shop.py", lines=lines)

    async def main():
        async with engine(sandbox=sandbox) as its:
            runtime = watched(its)
            await its.load(tmp_path / "shop.py")
            assert len(runtime.launches) == 2
            for launch in runtime.launches:
                assert launch.sandbox == sandbox
                assert launch.permissions.read == (str(tmp_path / "photos"),)
                assert (launch.permissions.ports, launch.permissions.env) == ((443,), ("LANG",))
                assert launch.limits.disk == 5 * 1024**2

    run(main())


def test_another_word_for_the_sandbox_is_refused():
    with pytest.raises(UsageError, match="sandbox is required or best-effort, not 'off'"):
        Engine(sandbox="off")
    with pytest.raises(UsageError, match="not 'off'"), sync.Engine(sandbox="off"):
        pass


def test_another_word_for_builds_is_refused():
    with pytest.raises(UsageError, match="builds is confined or refused or unconfined, not 'off'"):
        Engine(builds="off")
    with pytest.raises(UsageError, match="not 'off'"), sync.Engine(builds="off"):
        pass
