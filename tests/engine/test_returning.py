"""An upgrade that fails before it has settled: the old release answers again, where that was asked for."""

from __future__ import annotations

import os
import signal

import pytest

from weft.errors import UsageError
from weft.settings import SupervisionSettings

SOON = SupervisionSettings(first_delay=0.01)
SETTLING = SupervisionSettings(first_delay=0.01, healthy_after=0.1)
BREAKS = ("import os, pathlib", 'if pathlib.Path(os.environ["WEFT_DATA_DIR"], "broken").exists():', "    os._exit(1)")


@pytest.fixture
def fail(tmp_path):
    """``fail(plugin)``: it is lost, and what was written with BREAKS cannot be started again."""

    def end(plugin):
        (tmp_path / "state" / "data" / plugin.name / "broken").touch()
        os.kill(plugin.instances[0].pid, signal.SIGKILL)

    return end


def breaking(path, write, body, **options):
    file = write(path, body, **options)
    file.write_text(file.read_text().replace("import json\n", "\n".join((*BREAKS, "import json\n")), 1))
    return file


@pytest.mark.parametrize(("asked", "lines"), [("auto", ()), (None, ('rollback = "auto"',))])
def test_the_old_release_answers_again(run, engine, get, write, tmp_path, eventually, fail, asked, lines):
    async def main():
        async with engine(supervision=SOON) as its:
            (plugin,) = await its.load(write(tmp_path / "shop.py", "one"))
            two = breaking(tmp_path / "two" / "shop.py", write, "two", version="2.0", lines=lines)
            told = []
            its.listen(told.append)
            await its.upgrade("shop", two, rollback=asked)
            await its.tidy()
            fail(plugin)
            await eventually(lambda: "rolled_back" in [event.kind for event in told])
            assert ((await get(plugin))[0], plugin.version, plugin.state) == ("one", "1.0", "running")
            (event,) = [event for event in told if event.kind == "rolled_back"]
            assert event.message.startswith("shop#1 serves again, in place of shop#2, by itself: ")
            assert plugin.fallback is None

    run(main())


@pytest.mark.parametrize(("asked", "policy"), [(None, SOON), ("manual", SOON), ("auto", SETTLING)])
def test_it_stays_where_that_was_not_asked_for_or_it_has_settled(
    run, engine, write, tmp_path, eventually, fail, asked, policy
):
    async def main():
        async with engine(supervision=policy) as its:
            (plugin,) = await its.load(write(tmp_path / "shop.py", "one"))
            told = []
            its.listen(lambda event: told.append(event.kind))
            await its.upgrade("shop", breaking(tmp_path / "two" / "shop.py", write, "two"), rollback=asked)
            if policy is SETTLING:
                await eventually(lambda: "settled" in told)
            fail(plugin)
            await eventually(lambda: plugin.state == "quarantined")
            assert "rolled_back" not in told

    run(main())


def test_it_goes_back_by_one_release_and_no_further(run, engine, write, tmp_path, eventually, fail):
    async def main():
        async with engine(supervision=SOON) as its:
            (plugin,) = await its.load(write(tmp_path / "shop.py", "one"))
            for body in ("two", "three"):
                await its.upgrade("shop", breaking(tmp_path / body / "shop.py", write, body), rollback="auto")
            told = []
            its.listen(lambda event: told.append((event.kind, event.message)))
            fail(plugin)
            await eventually(lambda: "rollback_failed" in dict(told))
            assert dict(told)["rollback_failed"].startswith("shop#2 cannot serve in place of shop#3: ")
            assert plugin.state == "quarantined"

    run(main())


def test_after_a_failure_the_way_back_leads_to_what_served_before_it(
    run, engine, get, write, tmp_path, eventually, fail
):
    async def main():
        async with engine(supervision=SOON) as its:
            (plugin,) = await its.load(write(tmp_path / "shop.py", "one"))
            await its.upgrade("shop", breaking(tmp_path / "two" / "shop.py", write, "two"), rollback="auto")
            told = []
            its.listen(lambda event: told.append(event.kind))
            fail(plugin)
            await eventually(lambda: "rolled_back" in told)
            (tmp_path / "state" / "data" / "shop" / "broken").unlink()
            await its.upgrade("shop", breaking(tmp_path / "three" / "shop.py", write, "three"), rollback="auto")
            assert (await get(plugin))[0] == "three"
            fail(plugin)
            await eventually(lambda: told.count("rolled_back") == 2)
            assert (await get(plugin))[0] == "one"

    run(main())


def test_what_is_no_way_to_roll_back_is_refused(run, engine, write, tmp_path):
    async def main():
        async with engine() as its:
            await its.load(write(tmp_path / "shop.py", "one"))
            with pytest.raises(UsageError, match="rollback: expected 'auto' or 'manual', found 'soon'"):
                await its.upgrade("shop", tmp_path / "shop.py", rollback="soon")

    run(main())
