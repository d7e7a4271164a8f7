"""Plugins that misbehave harm their own requests alone: a healthy plugin beside them answers every time."""

from __future__ import annotations

import asyncio

import h11
import pytest

INVALID = r"""
START, BODY = "http.response.start", "http.response.body"
ANSWERS = {
    "/field-without-colon": [{"type": START, "status": 200, "headers": [(b"x\ny", b"z")]}, {"type": BODY}],
    "/split-header": [{"type": START, "status": 200, "headers": [(b"x", b"y\r\nset-cookie: a=b")]}, {"type": BODY}],
    "/nul-in-header": [{"type": START, "status": 200, "headers": [(b"x", b"a\0b")]}, {"type": BODY}],
    "/two-lengths": [
        {"type": START, "status": 200, "headers": [(b"content-length", b"2"), (b"content-length", b"3")]},
        {"type": BODY, "body": b"abc"},
    ],
    "/no-length": [{"type": START, "status": 200, "headers": [(b"content-length", b"-1")]}, {"type": BODY}],
    "/status": [{"type": START, "status": 99, "headers": []}, {"type": BODY}],
    "/body-first": [{"type": BODY, "body": b"abc"}],
    "/never-started": [],
    "/unknown-message": [{"type": "http.response.nonsense"}],
    "/body-is-text": [{"type": START, "status": 200, "headers": []}, {"type": BODY, "body": "text"}],
    "/too-long": [
        {"type": START, "status": 200, "headers": [(b"content-length", b"3")]},
        {"type": BODY, "body": b"abcHTTP/1.1 200 OK\r\n\r\n"},
    ],
    "/too-long-stream": [
        {"type": START, "status": 200, "headers": [(b"content-length", b"3")]},
        {"type": BODY, "body": b"abc", "more_body": True},
        {"type": BODY, "body": b"HTTP/1.1 200 OK\r\n\r\n"},
    ],
    "/too-short": [
        {"type": START, "status": 200, "headers": [(b"content-length", b"9")]},
        {"type": BODY, "body": b"abc"},
    ],
    "/too-short-stream": [
        {"type": START, "status": 200, "headers": [(b"content-length", b"9")]},
        {"type": BODY, "body": b"abc", "more_body": True},
        {"type": BODY},
    ],
    "/unfinished-stream": [
        {"type": START, "status": 200, "headers": []},
        {"type": BODY, "body": b"abc", "more_body": True},
    ],
    "/": [{"type": START, "status": 200, "headers": []}, {"type": BODY, "body": b"fine"}],
}


async def app(scope, receive, send):
    assert scope["type"] == "http"
    for message in ANSWERS[scope["path"]]:
        await send(message)
"""
LATE = """
import asyncio

left = asyncio.Event()


async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = b"fine"
    if scope["path"] == "/late":
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        left.set()
    if scope["path"] == "/left":
        await left.wait()
        await asyncio.sleep(0.05)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(3):
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
"""
BREAKS_OFF = """
import os


async def app(scope, receive, send):
    assert scope["type"] == "http"
    length = [(b"content-length", b"1000")] if scope["path"] == "/length" else []
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    await receive()
    if scope["path"] == "/raise":
        raise RuntimeError("half way")
    while not os.path.exists(os.environ["WEFT_DATA_DIR"] + "/now"):
        await __import__("asyncio").sleep(0.01)
    os._exit(1)
"""
SLOW_START = """
import os
import time

if os.path.exists(os.environ["WEFT_DATA_DIR"] + "/slow"):
    time.sleep(1.5)


async def app(scope, receive, send):
    assert scope["type"] == "http"
    open(os.environ["WEFT_DATA_DIR"] + "/slow", "w").close()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})
"""


async def until_serves(site, name, target="/"):
    """The first answer with status 200; until then 502 and 503 are what a client sees."""
    async with asyncio.timeout(20):
        while (answer := await site.ask(name, target)).status != 200:
            assert answer.status in (502, 503), answer
            await asyncio.sleep(0.02)
    return answer


def test_one_that_floods_its_output(run, site, plugin_file):
    async def main():
        async with site.deployed(plugin_file("floods_stdout")) as name, site.beside_healthy():
            assert (await site.ask(name, "/flood?64")).body == b"done"
            assert (await site.ask(name)).body == b"done"

    run(main())


def test_one_that_blocks_its_event_loop(run, site, plugin_file):
    async def main():
        async with site.deployed(plugin_file("blocks_loop"), call=0.5) as name, site.beside_healthy():
            blocked, waiting = await asyncio.gather(site.ask(name, "/block?2"), site.ask(name))
            assert (blocked.status, waiting.status in (200, 504)) == (504, True)
            async with asyncio.timeout(20):
                while (answer := await site.ask(name)).status != 200:
                    assert answer.status == 504
            assert answer.body == b"done"

    run(main())


def test_one_that_never_answers(run, site, plugin_file):
    async def main():
        async with (
            site.deployed(plugin_file("never_answers"), call=0.3, drain=0.3) as name,
            site.beside_healthy(),
            site.connect(name) as kept,
        ):
            answers = await asyncio.gather(*(site.ask(name) for _ in range(20)))
            assert {answer.status for answer in answers} == {504}
            for _ in range(2):
                assert (await kept.ask("POST", body=b"x" * 100_000)).status == 504
            async with asyncio.timeout(5):
                while (await site.status(name))["stats"]["in_flight"]:
                    await asyncio.sleep(0.02)

    run(main())


def test_one_that_answers_after_its_client_left(run, site):
    async def main():
        async with site.deployed(LATE) as name, site.beside_healthy():
            async with site.connect(name) as leaves:
                await leaves.begin(target="/late")
                await leaves.send(h11.EndOfMessage())
                async with asyncio.timeout(5):
                    while not (await site.status(name))["stats"]["in_flight"]:
                        await asyncio.sleep(0.01)
            assert (await site.ask(name, "/left")).body == b"fine" * 3
            assert (await site.ask(name)).body == b"fine" * 3
            assert (await site.status(name))["stats"]["restarts"] == 0

    run(main())


@pytest.mark.parametrize(
    ("target", "status", "body", "whole"),
    [
        ("/field-without-colon", 500, None, True),
        ("/split-header", 500, None, True),
        ("/nul-in-header", 502, None, True),
        ("/two-lengths", 502, None, True),
        ("/no-length", 502, None, True),
        ("/status", 502, None, True),
        ("/body-first", 500, None, True),
        ("/never-started", 500, None, True),
        ("/unknown-message", 500, None, True),
        ("/body-is-text", 502, None, True),
        ("/too-long", 200, b"abc", True),
        ("/too-long-stream", 200, b"abc", True),
        ("/too-short", 200, b"abc", False),
        ("/too-short-stream", 200, b"abc", False),
        ("/unfinished-stream", 200, b"abc", False),
    ],
)
def test_invalid_responses(run, site, target, status, body, whole):
    async def main():
        async with site.deployed(INVALID, call=5) as name, site.beside_healthy(), site.connect(name) as connection:
            answer = await connection.ask(target=target)
            assert (answer.status, answer.whole) == (status, whole), answer
            assert body is None or answer.body == body
            assert "set-cookie" not in answer.headers
            assert (await site.ask(name)).body == b"fine"
            assert (await site.status(name))["stats"]["restarts"] == 0

    run(main())


def test_one_that_calls_sys_exit_in_a_request_fails_that_request_alone(run, site, plugin_file):
    async def main():
        async with site.deployed(plugin_file("exits_in_request")) as name, site.beside_healthy():
            before = (await site.ask(name)).body
            async with site.connect(name) as kept:
                assert (await kept.ask(target="/exit")).status == 500
                assert (await kept.ask()).body == before

    run(main())


def test_one_that_exits_in_a_request_is_started_again(run, site, plugin_file):
    async def main():
        async with site.deployed(plugin_file("exits_in_request")) as name, site.beside_healthy():
            before = (await site.ask(name)).body
            async with site.connect(name) as kept:
                assert (await kept.ask(target="/die")).status == 502
                after = (await until_serves(site, name)).body
                assert after != before
                assert (await kept.ask()).body == after
            assert (await site.status(name))["stats"]["restarts"] == 1

    run(main())


@pytest.mark.parametrize("target", ["/", "/length", "/raise"])
def test_one_that_ends_in_the_middle_of_a_response(run, site, target):
    async def main():
        async with site.deployed(BREAKS_OFF) as name, site.beside_healthy(), site.connect(name) as connection:
            await connection.begin(target=target)
            await connection.send(h11.EndOfMessage())
            assert (await connection.next()).status_code == 200
            assert (await connection.next()).data == b"begun"
            (site.server.state / "data" / name / "now").touch()
            with pytest.raises((h11.RemoteProtocolError, ConnectionError)):
                await connection.next()

    run(main())


def test_one_that_sends_malformed_frames(run, site, plugin_file):
    async def main():
        async with site.deployed(plugin_file("sends_garbage_frames"), call=5) as name, site.beside_healthy():
            assert (await site.ask(name)).status == 502
            async with asyncio.timeout(10):
                while not (await site.status(name))["stats"]["restarts"]:
                    await asyncio.sleep(0.02)

    run(main())


def test_one_that_cannot_start_again(run, site, plugin_file):
    async def main():
        async with site.deployed(plugin_file("crashes_at_start_later")) as name, site.beside_healthy():
            assert (await site.ask(name)).status == 502
            for _ in range(20):
                answer = await site.ask(name)
                assert (answer.status, int(answer.headers["retry-after"]) >= 1) == (503, True)
                await asyncio.sleep(0.01)
            assert (await site.status(name))["state"] != "running"

    run(main())


def test_one_that_takes_its_time_to_start(run, site):
    async def main():
        async with site.deployed(SLOW_START) as name, site.beside_healthy():
            assert (await site.ask(name)).body == b"fine"
            assert (await site.manage("POST", f"/{name}/disable")).status_code == 204
            enabling = asyncio.create_task(site.manage("POST", f"/{name}/enable"))
            asked = 0
            while (answer := await site.ask(name)).status != 200:
                assert (answer.status, int(answer.headers["retry-after"]) >= 1) == (503, True)
                asked += 1
                await asyncio.sleep(0.02)
            assert asked
            assert answer.body == b"fine"
            assert (await enabling).status_code == 200

    run(main())
