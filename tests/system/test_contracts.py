"""Contracts on a server: calls and streams go on over swaps, and who may not manage may not call."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import httpx

COUNTER = """
# /// script
# [tool.weft]
# provides = ["counter"]
# ///
import asyncio
from typing import AsyncIterator

class Plugin:
    async def version(self, wait: float = 0.02) -> int:
        await asyncio.sleep(wait)
        return %d

    async def ticks(self, count: int) -> AsyncIterator[int]:
        for _ in range(count):
            yield %d
            await asyncio.sleep(0.02)
"""


async def deploy(site, version):
    files = {"plugin": ("counter.py", COUNTER % (version, version))}
    answer = await site.manage("POST", "", files=files)
    assert answer.status_code == 200, answer.text
    assert answer.json()["provides"] == ["counter@1"]


@asynccontextmanager
async def repeated(*works):
    """Does each again and again meanwhile; gives how often each was done."""
    counts, stop = [0] * len(works), asyncio.Event()

    async def repeat(index, work):
        while not stop.is_set():
            await work()
            counts[index] += 1

    async with asyncio.TaskGroup() as tasks:
        for index, work in enumerate(works):
            tasks.create_task(repeat(index, work))
        try:
            yield counts
        finally:
            stop.set()


async def more(counts):
    """Wait until everything that is repeated has been done once more."""
    before = list(counts)
    async with asyncio.timeout(30):
        while any(now == was for now, was in zip(counts, before, strict=True)):
            await asyncio.sleep(0.01)


def test_swaps_lose_no_call_and_no_item(run, site):
    serving, coming = 1, 1

    async def call():
        least = serving
        answer = await site.manage("POST", "/counter/call", json={"method": "counter.version"})
        assert answer.status_code == 200, answer.text
        assert least <= answer.json()["result"] <= coming

    async def stream():
        body = {"method": "counter.ticks", "arguments": {"count": 10}}
        answer = await site.manage("POST", "/counter/call", json=body)
        items = [json.loads(line)["item"] for line in answer.text.splitlines()]
        assert len(items) == 10
        assert len(set(items)) == 1  # one release gave all

    async def main():
        nonlocal serving, coming
        await deploy(site, 1)
        try:
            async with repeated(call, call, stream, stream) as counts:
                for coming in range(2, 6):
                    await deploy(site, coming)
                    serving = coming
                    await more(counts)
        finally:
            await site.remove_all()

    run(main())


def test_what_may_be_called_is_described_and_guarded(run, site):
    async def main():
        await deploy(site, 1)
        try:
            (described,) = (await site.manage("GET", "/counter/contracts")).json()
            assert described["methods"]["ticks"]["streams"] is True
            elsewhere = {"sec-fetch-site": "cross-site"}
            refused = await site.manage("POST", "/counter/call", json={"method": "counter.version"}, headers=elsewhere)
            assert refused.status_code == 403
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{site.port}") as client:
                paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
            assert {f"/api/v1/plugins/{{name}}/{each}" for each in ("contracts", "call", "run")} <= paths.keys()
            late = {"method": "counter.version", "arguments": [60], "timeout": 0.05}
            assert (await site.manage("POST", "/counter/call", json=late)).status_code == 504
            unsaid = await site.manage("POST", "/counter/call", json={"arguments": []})
            assert (unsaid.status_code, "method" in unsaid.json()["error"]["message"]) == (400, True)
            assert (await site.manage("POST", "/nobody/call", json={"method": "a.b"})).status_code == 404
            page = await site.manage("POST", "/healthy/call", json={"method": "counter.version"})
            assert (page.status_code, page.json()["error"]["type"]) == (400, "UsageError")
            assert (await site.manage("POST", "/counter/run", json={})).status_code == 422
        finally:
            await site.remove_all()

    run(main())
