"""Plugins that fail in every way, again and again: who asks them is told, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest

SETTINGS = """
[supervision]
first_delay = "250ms"
ping_every = "100ms"
hung_in_call = "500ms"
hung_after = "1s"
"""
FAILS = """
import asyncio
import os
import sys
import time


def app_for(kind):
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        if kind == "loop":
            time.sleep(3600)
        print("last words of", kind, file=sys.stderr)
        os._exit(7)

    return app


app = app_for(os.environ["KIND"])
"""
ANSWERS = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})
"""
BROKEN_LATER = """
import os
import pathlib
import sys

MARK = pathlib.Path(os.environ["WEFT_DATA_DIR"], "broken")
if MARK.exists():
    os._exit(5)


async def app(scope, receive, send):
    assert scope["type"] == "http"
    MARK.touch()
    os._exit(6)
"""


async def events(site, name, kind):
    answer = await asyncio.to_thread(site._control.get, "/api/v1/events")
    told = [json.loads(line) for line in answer.text.splitlines()]
    return [event for event in told if (event["plugin"], event["kind"]) == (name, kind)]


async def ask_until(site, name, condition, within=40):
    """Ask it all the time, as people do that wait for it, until something is true; returns what was answered."""
    answers = []
    async with asyncio.timeout(within):
        while not await condition():
            answers.append(await site.ask(name))
            await asyncio.sleep(0.05)
    return answers


@pytest.mark.parametrize(
    ("text", "env", "limits", "cause"),
    [
        (FAILS, {"KIND": "exit"}, {}, "exit"),
        (FAILS, {"KIND": "loop"}, {"call": 0.4}, "hang"),
        (BROKEN_LATER, {}, {}, "start"),
    ],
    ids=["exits", "blocks its loop", "exits while it starts"],
)
def test_one_that_fails_for_ever_is_quarantined_and_its_neighbour_loses_nothing(run, site, text, env, limits, cause):
    async def main():
        async with site.deployed(text, env=env, **limits) as name, site.beside_healthy():

            async def quarantined():
                return (await site.status(name))["state"] == "quarantined"

            answers = await ask_until(site, name, quarantined)
            assert {answer.status for answer in answers} <= {502, 503, 504}
            waits = {int(answer.headers["retry-after"]) for answer in answers if answer.status == 503}
            assert waits <= {1, 2, 60}  # 60: quarantined since its state was asked for
            assert 1 in waits
            assert (await site.ask(name)).headers["retry-after"] == "60"
            (event,) = await events(site, name, "quarantined")
            assert (event["data"]["cause"], event["data"]["release"], event["data"]["version"]) == (cause, 1, "0.0.0")
            lost = await events(site, name, "lost")
            assert [each["data"]["next_try"] for each in lost][:1] == [0.25]
            if cause == "exit":
                assert [each["data"]["next_try"] for each in lost] == [0.25, 0.5, 1.0, 2.0, None]
                assert {each["data"]["tail"][-1] for each in lost} == {"last words of exit"}
                assert {each["data"]["code"] for each in lost} == {7}
            again = await site.manage("POST", f"/{name}/restart")
            assert again.status_code == (422 if cause == "start" else 200)
            if cause != "start":
                assert (await site.status(name))["state"] == "running"

    run(main())


def test_a_deploy_that_fails_later_goes_back_by_itself(run, site):
    async def main():
        async with site.deployed(ANSWERS) as name, site.beside_healthy():
            file = {"plugin": (f"{name}.py", BROKEN_LATER)}
            wrong = await site.manage("POST", "", files=file, data={"rollback": "soon"})
            assert (wrong.status_code, "expected 'manual' or 'auto'" in wrong.text) == (400, True)
            assert (await site.manage("POST", "", files=file, data={"rollback": "auto"})).json()["release"] == 2

            async def answers():
                return (await site.ask(name)).status == 204

            await ask_until(site, name, answers)
            (event,) = await events(site, name, "rolled_back")
            assert event["message"].startswith(f"{name}#1 serves again, in place of {name}#2, by itself: ")
            releases = (await site.manage("GET", f"/{name}/releases")).json()
            assert [each["standing"] for each in releases] == ["new", "failed"]

    run(main())


def test_nothing_that_was_quarantined_is_started_again_once_it_is_disabled(run, site):
    async def main():
        async with site.deployed(FAILS, env={"KIND": "exit"}) as name:
            assert (await site.ask(name)).status == 502
            assert (await site.manage("POST", f"/{name}/disable")).status_code == 204
            await asyncio.sleep(1.0)
            status = await site.status(name)
            assert (status["state"], status["instances"]) == ("disabled", [])

    run(main())


def test_a_crash_loop_ends_where_another_release_takes_over(run, site):
    async def main():
        async with site.deployed(FAILS, env={"KIND": "exit"}) as name, site.beside_healthy():
            assert (await site.ask(name)).status == 502
            assert (await site.deploy(name, ANSWERS)).status_code == 200
            assert (await site.ask(name)).status == 204
            pid = (await site.status(name))["instances"][0]["pid"]
            await asyncio.sleep(1.0)
            status = await site.status(name)
            assert [(each["pid"], each["release"]) for each in status["instances"]] == [(pid, 2)]
            assert not await events(site, name, "quarantined")

    run(main())


def test_one_that_stands_still_without_a_request_is_ended_and_started_again(run, site, plugin_file):
    async def main():
        async with site.deployed(plugin_file("hello")) as name, site.beside_healthy():
            pid = (await site.status(name))["instances"][0]["pid"]
            os.kill(pid, signal.SIGSTOP)
            async with asyncio.timeout(20):
                while not (await site.status(name))["stats"]["restarts"]:
                    await asyncio.sleep(0.05)
            assert (await site.ask(name)).status == 200
            (hung,) = await events(site, name, "hung")
            assert "gave no sign of life" in hung["message"]

    run(main())
