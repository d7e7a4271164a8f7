"""A server that ends while something is changed, wherever that waits: the next one finds it done, or as it was."""

import asyncio

import pytest
from awaits import each_wait, interrupted

STRIDE = 9
APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": b"{word}"}})
"""


def deploy(host, upload, word):
    return host.operator.deploy(upload("shop", APP.format(word=word)))


CHANGES = {
    "upgrade": (deploy, lambda before, after: after != before),
    "rollback": (lambda host, upload, word: host.operator.rollback("shop"), lambda before, after: after != before),
    "disable": (lambda host, upload, word: host.operator.disable("shop"), lambda before, after: not after.enabled),
    "remove": (lambda host, upload, word: host.operator.remove("shop"), lambda before, after: after is None),
}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_is_cut(hosting, state, upload, name):
    change, is_done = CHANGES[name]

    async def cut(nth):
        ends = []
        async with hosting(state) as host:
            await host.operator.upkeep.clear_up()
            await host.restore()
            if host.store.plugin("shop") is None or name == "rollback":
                await deploy(host, upload, f"first{nth}")
                await deploy(host, upload, f"second{nth}")
            await host.operator.enable("shop")
            before = host.store.plugin("shop")
            task, reached = await interrupted(
                lambda: change(host, upload, f"word{nth}"),
                nth,
                lambda _task: ends.append(asyncio.create_task(host.operator.close(0))),
            )
            await asyncio.gather(*ends)
        return before, task, reached

    async def look():
        async with hosting(state) as host:
            await host.operator.upkeep.clear_up()
            assert all(error is None for _, error in await host.restore())
            assert [outcome async for outcome in host.loader.settle()] == []
            stored = host.store.plugin("shop")
            if stored is not None and stored.enabled:
                said = (host.contents.path(stored.current.digest) / "shop.py").read_text()
                assert said == APP.format(word=await host.ask("shop.localhost"))
            assert host.contents.digests() == host.store.digests()
            assert [*host.state.uploads.iterdir()] == []
            return stored

    async def main():
        for nth in each_wait(STRIDE):
            before, task, reached = await cut(nth)
            after = await look()
            assert is_done(before, after) or (task.cancelled() and after == before), nth
            if not reached:
                break

    asyncio.run(main())
