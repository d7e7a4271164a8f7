"""A folder that is followed: what comes, changes and goes; what is half written waits."""

from __future__ import annotations

import asyncio
import sys

import pytest

from weft.errors import LoadFailed
from weft.packages.archives import pack


@pytest.fixture(params=["reported", "polled"])
def reports(request, monkeypatch):
    """With the system's reports of changes, and without."""
    if request.param == "polled":
        monkeypatch.setitem(sys.modules, "watchfiles", None)
        monkeypatch.setattr("weft.engine.bell.POLL", 0.05)


@pytest.fixture
def following(engine, tmp_path):
    """``async with following() as (engine, events)``: of the folder ``plugins``."""
    folder = tmp_path / "plugins"
    folder.mkdir()

    class Following:
        async def __aenter__(self):
            self.engine = await engine().__aenter__()
            self.events = []
            self.engine.listen(self.events.append)
            return self

        async def __aexit__(self, *error):
            await self.engine.__aexit__(*error)

        async def event(self, kind, name, within=15):
            """Wait for one; forgets those before it."""
            async with asyncio.timeout(within):
                while not any((each.kind, each.plugin) == (kind, name) for each in self.events):
                    await asyncio.sleep(0.01)
            found = next(at for at, each in enumerate(self.events) if (each.kind, each.plugin) == (kind, name))
            event = self.events[found]
            del self.events[: found + 1]
            return event

    following = Following()
    following.folder = folder
    return following


def test_what_comes_changes_and_goes(run, following, get, write, reports):
    async def main():
        async with following as its:
            assert await its.engine.load(its.folder, watch=True) == ()
            write(its.folder / "shop.py")
            await its.event("running", "shop")
            plugin = its.engine.plugin("shop")
            write(its.folder / "shop.py", "two")
            await its.event("running", "shop")
            assert (await get(plugin))[0] == "two"
            assert its.engine.plugin("shop") is plugin
            (its.folder / "shop.py").unlink()
            await its.event("unloaded", "shop")
            assert its.engine.plugins == {}

    run(main())


def test_a_file_half_written_is_not_loaded(run, following, get, write, tmp_path):
    whole = pack_of(write, tmp_path / "work" / "shop.py").read_bytes()

    async def main():
        async with following as its:
            await its.engine.load(its.folder, watch=True)
            target = its.folder / "shop.plg"
            with target.open("wb", buffering=0) as file:
                for at in range(0, len(whole) // 2, 16):  # as a slow copy does: never still, never whole
                    file.write(whole[at : at + 16])
                    await asyncio.sleep(0.02)
                assert not its.events
                file.write(whole[at + 16 :])
            await its.event("running", "shop")
            target.write_bytes(whole[:200])
            assert "cut short" in (await its.event("upgrade_failed", "shop")).message
            assert (await get(its.engine.plugin("shop")))[0] == "one"

    run(main())


def pack_of(write, file, body="one", version="1.0.0"):
    """An archive of a plugin in a folder."""
    write(file, body)
    folder = file.with_suffix("")
    folder.mkdir(parents=True)
    (folder / "plugin.yaml").write_text(f"version: {version}\nentry: app:app\n")
    file.rename(folder / "app.py")
    return pack(folder, file.with_suffix(".plg"))


def test_an_upgrade_that_fails_keeps_the_old_and_is_tried_again(run, following, get, write):
    async def main():
        async with following as its:
            write(its.folder / "shop.py")
            await its.engine.load(its.folder, watch=True)
            (its.folder / "shop.py").write_text("# /// script\n# [tool.weft]\n# ///\nraise ValueError('broke')")
            assert "broke" in (await its.event("upgrade_failed", "shop")).message
            plugin = its.engine.plugin("shop")
            assert (plugin.state, (await get(plugin))[0]) == ("running", "one")
            write(its.folder / "shop.py", "two")
            await its.event("running", "shop")
            assert (await get(plugin))[0] == "two"

    run(main())


def test_what_failed_at_first_is_loaded_once_it_changes(run, following, write):
    async def main():
        async with following as its:
            write(its.folder / "cart.py")
            (its.folder / "shop.py").write_text("# /// script\n# [tool.weft]\n# x = 1\n# ///")
            with pytest.raises(LoadFailed):
                await its.engine.load(its.folder, watch=True, config={"shop": {"size": 2}})
            assert [*its.engine.plugins] == ["cart"]
            write(its.folder / "shop.py")
            await its.event("running", "shop")
            assert its.engine.plugin("shop").release.config == {"size": 2}

    run(main())


def test_one_that_waits_for_another_is_loaded_when_that_comes(run, following, write):
    async def main():
        async with following as its:
            await its.engine.load(its.folder, watch=True)
            write(its.folder / "shop.py", requires={"till": ">=2"})
            await its.event("load_failed", "shop")
            write(its.folder / "till.py", version="2.0")
            await its.event("running", "shop")
            (its.folder / "till.py").unlink()
            assert "required by shop" in (await its.event("unload_failed", "till")).message
            (its.folder / "shop.py").unlink()
            await its.event("unloaded", "till")
            assert its.engine.plugins == {}

    run(main())


def test_a_new_archive_in_place_of_an_old_is_an_upgrade(run, following, get, write, tmp_path):
    first = pack_of(write, tmp_path / "one" / "shop.py")
    second = pack_of(write, tmp_path / "two" / "shop.py", "two", "2.0.0")

    async def main():
        async with following as its:
            first.rename(its.folder / "shop-1.0.plg")
            (plugin,) = await its.engine.load(its.folder, watch=True)
            its.events.clear()
            (its.folder / "shop-1.0.plg").unlink()
            second.rename(its.folder / "shop-2.0.plg")
            await its.event("running", "shop")
            assert its.engine.plugin("shop") is plugin
            assert (plugin.version, plugin.state, (await get(plugin))[0]) == ("2.0.0", "running", "two")
            assert "unloaded" not in [each.kind for each in its.events]

    run(main())


def test_a_new_archive_beside_the_old_waits_until_that_is_gone(run, following, get, write, tmp_path):
    first = pack_of(write, tmp_path / "one" / "shop.py")
    second = pack_of(write, tmp_path / "two" / "shop.py", "two", "2.0.0")

    async def main():
        async with following as its:
            first.rename(its.folder / "shop-1.0.plg")
            await its.engine.load(its.folder, watch=True)
            second.rename(its.folder / "shop-2.0.plg")
            assert "there is a plugin shop already" in (await its.event("load_failed", "shop")).message
            (its.folder / "shop-1.0.plg").unlink()
            await its.event("running", "shop")
            assert (await get(its.engine.plugin("shop")))[0] == "two"

    run(main())


def test_what_is_touched_and_not_changed_goes_on(run, following, write):
    async def main():
        async with following as its:
            write(its.folder / "shop.py")
            (plugin,) = await its.engine.load(its.folder, watch=True)
            before = plugin.instances
            write(its.folder / "shop.py")
            write(its.folder / "cart.py")
            await its.event("running", "cart")
            assert plugin.instances == before

    run(main())


def test_one_plugin_is_followed_under_its_name(run, engine, get, write, tmp_path, eventually):
    source = write(tmp_path / "shop.py")

    async def main():
        async with engine() as its:
            (plugin,) = await its.load(source, name="store", config={"size": 2}, watch=True)
            write(source, "two")
            write(tmp_path / "other.py")
            await eventually(lambda: plugin.release.number == 2)
            assert (plugin.name, (await get(plugin))[0]) == ("store", "two")
            source.unlink()
            await eventually(lambda: not its.plugins)
            write(source, "three")
            await eventually(lambda: its.plugins)
            assert its.plugin("store").release.config == {"size": 2}

    run(main())


def test_a_folder_that_goes_takes_its_plugins_along(run, following, write):
    async def main():
        async with following as its:
            write(its.folder / "shop.py")
            await its.engine.load(its.folder, watch=True)
            its.folder.rename(its.folder.with_name("elsewhere"))
            await its.event("unloaded", "shop")
            its.folder.with_name("elsewhere").rename(its.folder)
            await its.event("running", "shop")

    run(main())


def test_a_folder_that_cannot_be_read_for_a_while_keeps_its_plugins(run, following, write, monkeypatch):
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    monkeypatch.setattr("weft.engine.bell.POLL", 0.05)
    turned = following.folder.with_name("turned")

    async def main():
        async with following as its:
            write(its.folder / "shop.py")
            await its.engine.load(its.folder, watch=True)
            its.folder.rename(turned)
            its.folder.symlink_to(its.folder.name)  # a loop: nobody can read it, root neither
            assert "is tried again" in (await its.event("watch_failed", "")).message
            assert its.engine.plugin("shop").state == "running"
            its.folder.unlink()
            write(turned / "cart.py")
            turned.rename(its.folder)
            await its.event("running", "cart")
            assert "unloaded" not in [each.kind for each in its.events]

    run(main())
