"""Lifespan: startup and shutdown once, and applications that have none."""

from __future__ import annotations

import asyncio
import logging

import pytest

from weft.errors import StartFailed
from weft.sdk.lifespan import Lifespan, live

COMPLETE = {"type": "lifespan.startup.complete"}


async def answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": repr(scope.get("state")).encode()})


def with_lifespan(lifespan):
    async def application(scope, receive, send):
        await (lifespan if scope["type"] == "lifespan" else answer)(scope, receive, send)

    return application


async def raises(scope, receive, send):
    raise KeyError("lifespan")


async def raises_later(scope, receive, send):
    await receive()
    await asyncio.sleep(0)
    raise KeyError("lifespan")


async def returns(scope, receive, send):
    await receive()


async def answers_as_http(scope, receive, send):
    await answer(scope, receive, send)
    await asyncio.sleep(3600)


async def cancelled(scope, receive, send):
    raise asyncio.CancelledError


@pytest.mark.parametrize("lifespan", [raises, raises_later, returns, answers_as_http, cancelled])
def test_an_application_without_lifespan_is_served_with_a_line_in_the_log(run, site, lifespan, caplog):
    caplog.set_level(logging.DEBUG)

    async def main():
        async with site(with_lifespan(lifespan)) as its:
            assert list(await its.request().over()) == [200, b"", b"{}"]

    run(main())
    assert caplog.text.count("no lifespan in this application") == 1


def test_startup_shutdown_and_state(run, site):
    happened = []

    async def lifespan(scope, receive, send):
        scope["state"]["pool"] = 7
        happened.append((await receive())["type"])
        await send(COMPLETE)
        happened.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    async def main():
        async with site(with_lifespan(lifespan)) as its:
            assert happened == ["lifespan.startup"]
            assert list(await its.request().over())[2] == b"{'pool': 7}"
            await its.request().over()
        assert happened == ["lifespan.startup", "lifespan.shutdown"]

    run(main())


@pytest.mark.parametrize(("message", "said"), [("no database", "no database"), (None, "lifespan.startup.failed")])
def test_a_failed_startup_fails_the_start(run, site, message, said):
    async def lifespan(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", **({"message": message} if message else {})})

    async def main():
        with pytest.raises(StartFailed, match=said):
            async with site(with_lifespan(lifespan)):
                pass

    run(main())


def test_one_that_fails_while_it_shuts_down_is_logged(run, site, caplog):
    async def lifespan(scope, receive, send):
        await receive()
        await send(COMPLETE)
        await receive()
        raise OSError("cannot flush")

    async def main():
        async with site(with_lifespan(lifespan)):
            pass

    run(main())
    assert "the application's lifespan raised" in caplog.text
    assert "cannot flush" in caplog.text


def test_requests_under_way_are_ended_by_the_stop(run, site):
    async def serve(scope, receive, send):
        if scope["type"] == "lifespan":
            raise RuntimeError("none")
        await asyncio.sleep(3600)

    async def main():
        async with site(serve) as its:
            client = its.request()
            await asyncio.sleep(0.01)
            await its.provider.stop()
            assert (await client.over())[0] == 500

    run(main())


def test_an_application_with_nothing_to_do_for_it_has_one_all_the_same(run, caplog):
    caplog.set_level("INFO")

    async def main():
        ended = []

        async def app(scope, receive, send):
            await live(receive, send)
            ended.append(scope["type"])

        lifespan = Lifespan(app)
        await lifespan.startup()
        assert not ended
        await lifespan.shutdown()
        assert ended == ["lifespan"]

    run(main())
    assert "no lifespan" not in caplog.text
