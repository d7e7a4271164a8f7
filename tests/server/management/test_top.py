"""What management says that plugins do and use, held against what was asked of them."""

from __future__ import annotations

import asyncio
import re
import sys

from weft.server.management.metrics import FAMILIES
from weft.server.usage import TICK

SHOP = """
# /// script
# [tool.weft]
# limits.call = "3s"
# ///
import asyncio
import os
import time

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    path = scope["path"]
    if path == "/late":
        await asyncio.sleep(20)
    if path == "/die":
        os._exit(1)
    ends = time.process_time() + 0.15
    while path == "/slow" and time.process_time() < ends:
        pass
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 500 if path == "/fails" else 200, "headers": []})
    await send({"type": "http.response.body", "body": b"Hello"})
"""
SHELF = """
# /// script
# [tool.weft]
# provides = ["shelf"]
# ///
class Plugin:
    async def count(self, books: int) -> int:
        if books < 0:
            raise LookupError("fewer than none")
        return books
"""
SAMPLE = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.MULTILINE)


async def deploy(control, name, source):
    assert (await control.post("/api/v1/plugins", files={"plugin": (f"{name}.py", source)})).status_code == 200


async def ask(http, path, **options):
    return (await http.request("POST", path, headers={"host": "shop.localhost"}, **options)).status_code


def samples(text, plugin):
    """``{name: {labels but the plugin's: value}}``"""
    found = {}
    for name, labels, value in SAMPLE.findall(text):
        pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if pairs.pop("plugin", "") == plugin:
            found.setdefault(name.removeprefix("weft_plugin_"), {})[",".join(pairs.values())] = float(value)
    return found


async def traffic(server, control, http):
    """Four plain requests, one slow, one of three kinds of error; two calls, one of which fails."""
    await deploy(control, "shop", SHOP)
    await deploy(control, "shelf", SHELF)
    asked = [("/", 200), ("/", 200), ("/", 200), ("/", 200), ("/fails", 500), ("/late", 504), ("/die", 502)]
    for path, status in asked:
        assert await ask(http, path, content=b"abc") == status
    while server.engine.plugin("shop").restarts != 1:
        await asyncio.sleep(0.01)
    assert await ask(http, "/slow") == 200
    for books, status in ((1, 200), (-1, 502)):
        body = {"method": "shelf.count", "arguments": [books]}
        assert (await control.post("/api/v1/plugins/shelf/call", json=body)).status_code == status


def test_metrics_say_what_was_asked(serving, run):
    async def main():
        async with serving() as (server, control, http):
            await traffic(server, control, http)
            await asyncio.sleep(TICK)  # what was read of it since its start is too old by then
            await control.get("/api/v1/plugins/shop")  # which looks at its process
            answer = await http.get("/metrics")
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            shop, shelf = samples(answer.text, "shop"), samples(answer.text, "shelf")
            assert shop["request_errors_total"] == {"answered": 1, "late": 1, "lost": 1}
            assert (shop["requests_total"]["2xx"], shop["requests_total"]["5xx"]) == (5, 3)
            assert shop["sent_bytes_total"][""] >= 6 * len("Hello")
            assert shop["received_bytes_total"][""] == 7 * len("abc")
            assert shop["restarts_total"] == {"": 1}
            assert (shop["state"], shop["release"], shop["instances"]) == ({"running": 1}, {"": 1}, {"": 1})
            level = server.engine.plugin("shop").instances[0].instance.sandbox.level
            assert (shop["in_flight"], shop["websockets"], shop["sandbox"]) == ({"": 0}, {"": 0}, {level: 1})
            assert (shelf["calls_total"], shelf["call_errors_total"]) == ({"": 2}, {"": 1})
            assert "latency_seconds_bucket" not in shelf  # nobody asked it by HTTP
            if sys.platform == "linux":
                assert shop["processes"] == {"": 1}
                assert 1024 * 1024 < shop["memory_bytes"][""] < 512 * 1024 * 1024
                assert shop["cpu_seconds_total"][""] > 0.1

    run(main())


def test_a_latency_is_in_its_bucket_and_in_those_above(serving, run):
    async def main():
        async with serving() as (server, control, http):
            await traffic(server, control, http)
            shop = samples((await http.get("/metrics")).text, "shop")
            buckets = {float(bound): count for bound, count in shop["latency_seconds_bucket"].items()}
            assert buckets[float("inf")] == shop["latency_seconds_count"][""] == 8
            assert list(buckets.values()) == sorted(buckets.values())
            assert buckets[0.1] <= 7  # all but the slow one, and it may be the late one too
            assert shop["latency_seconds_sum"][""] >= 0.15

    run(main())


def test_top_lists_every_plugin_also_those_that_do_not_run(serving, run):
    async def main():
        async with serving() as (server, control, http):
            await traffic(server, control, http)
            await control.post("/api/v1/plugins/shelf/disable")
            rows = {row["name"]: row for row in (await http.get("/api/v1/top")).json()}
            assert list(rows) == ["shelf", "shop"]
            assert (rows["shelf"]["state"], rows["shelf"]["stats"]["instances"]) == ("disabled", [])
            shop = rows["shop"]
            assert (shop["release"], shop["version"], shop["state"]) == (1, "0.0.0", "running")
            stats = shop["stats"]
            assert stats["rate"] > 0
            assert stats["error_rate"] > 0
            assert 0 < stats["p50"] <= stats["p90"] <= stats["p99"]
            assert stats["p99"] > 0.12  # the slow one, to within a bucket
            assert [each["pid"] for each in stats["instances"]] == [server.engine.plugin("shop").instances[0].pid]
            status = (await control.get("/api/v1/plugins/shop")).json()
            assert set(status["stats"]) == set(stats)
            assert status["stats"]["restarts"] == 1

    run(main())


def test_top_is_described(serving, run):
    async def main():
        async with serving() as (_, _, http):
            described = (await http.get("/api/v1/openapi.json")).json()
            answer = described["paths"]["/api/v1/top"]["get"]["responses"]["200"]["content"]["application/json"]
            assert answer["schema"]["items"]["$ref"].endswith("/Row")
            figures = described["components"]["schemas"]["PluginFigures"]["properties"]
            assert {"memory", "cpu_share", "p99", "errors", "limits", "sandbox"} <= set(figures)

    run(main())


def test_limits_that_were_hit_are_counted(serving, run):
    async def main():
        async with serving() as (server, control, http):
            await deploy(control, "shop", SHOP)
            server.engine.emit("shop", "limit", "shop reached limits.memory", limit="memory")
            assert samples((await http.get("/metrics")).text, "shop")["limit_hits_total"] == {"memory": 1}
            (row,) = (await http.get("/api/v1/top")).json()
            assert row["stats"]["limits"] == {"memory": 1}

    run(main())


def test_no_two_metrics_have_one_name():
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
