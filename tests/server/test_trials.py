"""New releases on trial: one that fails goes back by itself where that was asked for, and no further than it may."""

from __future__ import annotations

import asyncio

import pytest

from weft.errors import InstanceLost, Unavailable
from weft.settings import PluginSettings, SupervisionSettings

AUTO = '# rollback = "auto"\n'
SOON = SupervisionSettings(first_delay=0.01)
SETTLING = SupervisionSettings(first_delay=0.01, healthy_after=0.2)
APP = """
# /// script
# [tool.weft]
{table}# ///
import os
import pathlib

if pathlib.Path(os.environ["WEFT_DATA_DIR"], "{word}").exists():
    raise RuntimeError("{word} is broken for good")


async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"{word}"}})
"""

GATE = """
import os
import pathlib
import time

while not pathlib.Path(os.environ["WEFT_DATA_DIR"], "open").exists():
    time.sleep(0.01)
"""


def app(word, table=""):
    """Answers ``word``; once its data folder has a file of that name, it does not start any more."""
    return APP.format(word=word, table=table)


@pytest.fixture
def fail(state):
    """``fail(host, word)``: the release that answers ``word`` is lost, and cannot be started again."""

    def end(host, word):
        (state / "data" / "shop" / word).touch()
        for member in host.fleet.plugin("shop").instances:
            member.instance.fail(InstanceLost("as if it were gone"))
            member.instance._child.kill()

    return end


async def eventually(condition, within=20):
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


def told(host, kind):
    return [event for event in host.journal._recent if event.kind == kind]


@pytest.mark.parametrize("where", ["manifest", "deploy", "operator"])
def test_a_release_that_fails_goes_back_where_that_was_asked_for(hosting, state, upload, run, fail, where):
    plugins = {"shop": PluginSettings(rollback="auto")} if where == "operator" else {}

    async def main():
        async with hosting(state, supervision=SOON, plugins=plugins) as host:
            await host.operator.deploy(upload("shop", app("one")))
            two = app("two", AUTO if where == "manifest" else "")
            await host.operator.deploy(upload("shop", two, rollback="auto" if where == "deploy" else None))
            fail(host, "two")
            await eventually(lambda: told(host, "rolled_back"))
            assert await host.ask("shop.localhost") == "one"
            (event,) = told(host, "rolled_back")
            assert event.message.startswith("shop#1 serves again, in place of shop#2, by itself: ")
            assert "two is broken for good" in event.message
            assert (event.data["release"], event.data["instead_of"]) == (1, 2)
            assert host.store.plugin("shop").current.number == 1
            assert host.operator.status("shop").release == 1
            assert [each.standing for each in host.store.releases("shop")] == ["new", "failed"]

    run(main())


@pytest.mark.parametrize("asked", [None, "manual"])
def test_it_stays_quarantined_where_that_was_not_asked_for(hosting, state, upload, run, fail, asked):
    async def main():
        async with hosting(state, supervision=SOON) as host:
            await host.operator.deploy(upload("shop", app("one", AUTO)))
            await host.operator.deploy(upload("shop", app("two", AUTO if asked else ""), rollback=asked))
            fail(host, "two")
            await eventually(lambda: host.operator.status("shop").state == "quarantined")
            await eventually(lambda: host.store.releases("shop")[1].standing == "failed")
            assert "two is broken for good" in host.operator.status("shop").error
            assert not told(host, "rolled_back")
            assert (await host.operator.rollback("shop")).release == 1

    run(main())


def test_what_was_asked_for_is_kept_over_versions(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", app("one"), rollback="auto"))
            await host.operator.deploy(upload("shop", app("two")))
            assert host.store.plugin("shop").current.settings.rollback == "auto"
            assert host.fleet.plugin("shop").manifest.rollback == "auto"

    run(main())


def test_the_way_back_has_an_end(hosting, state, upload, run, fail):
    async def main():
        async with hosting(state, supervision=SOON) as host:
            for word in ("one", "two", "three"):
                await host.operator.deploy(upload("shop", app(word, AUTO)))
            (state / "data" / "shop" / "two").touch()  # so that it cannot be gone back to
            fail(host, "three")
            await eventually(lambda: told(host, "rolled_back"))
            assert await host.ask("shop.localhost") == "one"
            assert "shop#2 cannot serve in place of shop#3" in told(host, "rollback_failed")[0].message
            fail(host, "one")
            await eventually(lambda: len(told(host, "rollback_failed")) == 2)
            assert "shop#1 has no release before it" in told(host, "rollback_failed")[1].message
            assert host.operator.status("shop").state == "quarantined"
            assert [each.standing for each in host.store.releases("shop")] == ["failed", "new", "failed"]

    run(main())


def test_a_way_back_that_the_end_of_the_server_cuts_says_nothing_of_the_release(hosting, state, upload, run, fail):
    async def main():
        async with hosting(state, supervision=SOON) as host:
            await host.operator.deploy(upload("shop", app("one")))
            await host.operator.deploy(upload("shop", app("two")))
            fail(host, "two")
            await eventually(lambda: host.operator.status("shop").state == "quarantined")
            host.operator.give_up()
            with pytest.raises(Unavailable, match="the server stops"):
                await host.operator.go_back("shop", 2, "it is broken")
            assert told(host, "rollback_failed") == []
            assert host.store.plugin("shop").current.number == 2

    run(main())


def test_a_release_that_has_settled_stays_also_after_the_next_start_of_the_server(hosting, state, upload, run, fail):
    async def main():
        async with hosting(state, supervision=SETTLING) as host:
            await host.operator.deploy(upload("shop", app("one")))
            await host.operator.deploy(upload("shop", app("two", AUTO)))
            await eventually(lambda: host.store.releases("shop")[1].standing == "settled")
        async with hosting(state, supervision=SOON) as host:
            assert await host.restore() == [("shop", None)]
            fail(host, "two")
            await eventually(lambda: host.operator.status("shop").state == "quarantined")
            await asyncio.sleep(0.1)
            assert not told(host, "rolled_back")
            assert host.store.plugin("shop").current.number == 2

    run(main())


def test_one_that_did_not_start_with_the_server_is_tried_again(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", app("one")))
        broken = state / "data" / "shop" / "one"
        broken.touch()
        async with hosting(state, supervision=SupervisionSettings(first_delay=0.2)) as host:
            ((name, error),) = await host.restore()
            assert (name, "one is broken for good" in str(error)) == ("shop", True)
            await eventually(lambda: len(told(host, "start_failed")) == 2)
            broken.unlink()
            await eventually(lambda: host.fleet.serves("shop"))
            assert await host.ask("shop.localhost") == "one"
            assert host.operator.status("shop").error == ""
            assert [event.data["next_try"] for event in told(host, "start_failed")] == [0.2, 0.4]
        broken.touch()
        async with hosting(state, supervision=SOON) as host:
            await host.restore()
            await eventually(lambda: len(told(host, "start_failed")) == 5)
            assert "weft restart shop" in told(host, "start_failed")[-1].message
            assert host.operator.status("shop").state == "failed"

    run(main())


def test_a_change_under_way_goes_first(hosting, state, upload, run, fail):
    async def main():
        async with hosting(state, supervision=SOON) as host:
            await host.operator.deploy(upload("shop", app("one")))
            await host.operator.deploy(upload("shop", app("two", AUTO)))
            deploying = asyncio.create_task(host.operator.deploy(upload("shop", GATE + app("three"))))
            await eventually(lambda: told(host, "starting")[2:])
            fail(host, "two")
            await eventually(lambda: host.store.releases("shop")[1].standing == "failed")
            (state / "data" / "shop" / "open").touch()
            await deploying
            await asyncio.sleep(1.2)
            assert await host.ask("shop.localhost") == "three"
            assert not told(host, "rolled_back")

    run(main())
