"""What supervision itself does when it breaks."""

from __future__ import annotations

from weft.runtimes.process.runtime import ProcessRuntime
from weft.testing import Engine

PLUGIN = "# /// script\n# [tool.weft]\n# ///\nasync def app(scope, receive, send):\n    raise RuntimeError\n"


class Unwatchable:
    """A runtime whose instances cannot be waited for."""

    async def start(self, launch, output):
        instance = await ProcessRuntime().start(launch, output)

        async def ended():
            raise LookupError("no such process")

        instance.ended = ended
        return instance


def test_an_instance_that_is_watched_no_longer_is_told_of(run, tmp_path, eventually):
    (tmp_path / "shopfront.py").write_text(PLUGIN)

    async def main():
        told = []
        async with Engine(tmp_path / "state", runtime=Unwatchable()) as engine:
            engine.listen(told.append)
            await engine.load(tmp_path / "shopfront.py")
            await eventually(lambda: any(event.kind == "unwatched" for event in told))
        (event,) = [event for event in told if event.kind == "unwatched"]
        assert event.plugin == "shopfront"
        assert "LookupError('no such process')" in event.message

    run(main())
