"""What a host asks is cancelled wherever it waits: what ran goes on, and nothing is left."""

import asyncio
import os

import pytest
from awaits import each_wait, interrupted, open_descriptors
from operated import run_only

STRIDE = 7


def copies(engine):
    return sorted(path.name for path in engine.state.glob("loaded/*/*"))


def cancel(task):
    task.cancel()


async def rest(engine, eventually):
    """Until nothing drains, and what drained has no process."""
    running = {member.pid for plugin in engine.plugins.values() for member in plugin.instances}
    await eventually(lambda: not any(plugin.draining for plugin in engine.plugins.values()))
    await eventually(lambda: run_only(os.getpid(), running))
    await engine.tidy()


@pytest.mark.timeout(3600)
def test_a_load(engine, get, write, tmp_path, eventually):
    async def main():
        async with engine() as its:
            await its.load(write(tmp_path / "other.py"))
            source = write(tmp_path / "shop.py")
            await its.load(source)
            await its.unload("shop")
            before, opened = copies(its), open_descriptors()
            for nth in each_wait(STRIDE):
                task, reached = await interrupted(lambda: its.load(source), nth, cancel)
                if task.cancelled():
                    assert [*its.plugins] == ["other"], nth
                else:
                    assert await get(its.plugin("shop"))
                    await its.unload("shop")
                await rest(its, eventually)
                assert copies(its) == before, nth
                if not reached:
                    break
            assert nth > 2 * STRIDE
            await eventually(lambda: open_descriptors() <= opened)

    asyncio.run(main())


@pytest.mark.timeout(3600)
def test_an_upgrade(engine, get, write, tmp_path, eventually):
    async def main():
        async with engine() as its:
            await its.load(write(tmp_path / "shop.py", "0"))
            await its.upgrade("shop", write(tmp_path / "next.py", "word"))
            await rest(its, eventually)
            opened = open_descriptors()
            word = "word"
            for nth in each_wait(STRIDE):
                before = await get(its.plugin("shop"))
                new = f"word{nth}"
                source = write(tmp_path / "next.py", new)
                task, reached = await interrupted(lambda source=source: its.upgrade("shop", source), nth, cancel)
                await rest(its, eventually)
                answer = await get(its.plugin("shop"))
                if task.cancelled():
                    assert answer == before or answer[0] == new, nth
                else:
                    assert answer[0] == new
                assert len(copies(its)) == 1, nth
                word = answer[0]
                if not reached:
                    break
            assert nth > 2 * STRIDE
            assert word == new
            await eventually(lambda: open_descriptors() <= opened)

    asyncio.run(main())


@pytest.mark.timeout(3600)
def test_an_end(engine, get, write, tmp_path, eventually):
    async def main():
        async with engine() as its:
            source = write(tmp_path / "shop.py")
            for nth in each_wait():
                await its.load(source)
                task, reached = await interrupted(lambda: its.unload("shop"), nth, cancel)
                if task.cancelled() and "shop" in its.plugins:
                    assert its.plugin("shop").state == "stopped"
                    await its.unload("shop")
                await rest(its, eventually)
                assert not its.plugins
                assert copies(its) == []
                if not reached:
                    break

    asyncio.run(main())
