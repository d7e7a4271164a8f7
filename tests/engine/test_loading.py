"""Loading by source: one plugin or a folder of them, in the order that they require; each failure told apart."""

from __future__ import annotations

import asyncio
import os

import pytest

from weft.errors import (
    Conflict,
    LoadFailed,
    ManifestError,
    NotInThisVersion,
    PackageError,
    Refused,
    StartFailed,
    Unavailable,
    UnknownPlugin,
    UsageError,
)
from weft.manifest import Order
from weft.packages.archives import pack
from weft.settings import SupervisionSettings


def folder_of(file):
    """The plugin of a file as a folder with a manifest."""
    folder = file.with_suffix("")
    folder.mkdir()
    (folder / "plugin.yaml").write_text("version: 2.0.0\nentry: app:app\n")
    file.rename(folder / "app.py")
    return folder


def left_in(state):
    return [path for path in (state / "loaded").glob("*") if path.is_dir()]


@pytest.mark.parametrize("form", ["file", "folder", "archive"])
def test_a_plugin_in_each_form(run, engine, get, write, tmp_path, form):
    source = write(tmp_path / "shop.py")
    if form != "file":
        source = folder_of(source)
    if form == "archive":
        source = pack(source, tmp_path / "any-name-2.0.plg")

    async def main():
        async with engine() as its:
            (plugin,) = await its.load(str(source))
            assert its.plugin("shop") is plugin
            assert (plugin.name, plugin.state) == ("shop", "running")
            assert (await get(plugin))[0] == "one"
            assert len(left_in(its.state)) == 1
        assert not left_in(its.state)

    run(main())


def test_what_runs_is_a_copy(run, engine, get, write, tmp_path):
    source = folder_of(write(tmp_path / "shop.py"))

    async def main():
        async with engine() as its:
            (plugin,) = await its.load(source)
            (source / "app.py").write_text("a file half wri")
            await its.restart("shop")
            assert (await get(plugin))[0] == "one"

    run(main())


def test_a_name_takes_the_place_of_its_own(run, engine, write, tmp_path):
    async def main():
        async with engine() as its:
            await its.load(write(tmp_path / "shop.py"))
            (plugin,) = await its.load(tmp_path / "shop.py", name="store")
            assert (plugin.name, [*its.plugins]) == ("store", ["shop", "store"])

    run(main())


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (None, ManifestError, "does not exist"),
        ("app = (", StartFailed, "shop.py"),
        ("app = 1", StartFailed, "app"),
        ("", PackageError, "is empty"),
        ("# /// script\n# [tool.weft]\n# verzion = 1\n# ///\napp = 1", ManifestError, "version"),
        ('# /// script\n# [tool.weft]\n# runtime = "wasm"\n# entry = "a.wasm"\n# ///\n', NotInThisVersion, "wasm"),
    ],
)
def test_one_plugin_that_cannot_be_loaded_raises_its_own_error(run, engine, tmp_path, text, error, words):
    source = tmp_path / "shop.py"
    if text is not None:
        source.write_text(text)

    async def main():
        async with engine() as its:
            events = []
            its.listen(events.append)
            with pytest.raises(error, match=words):
                await its.load(source)
            assert its.plugins == {}
            if error is StartFailed:
                assert [(each.plugin.removesuffix(".py"), each.kind) for each in events][-1] == ("shop", "load_failed")
                (digests,) = left_in(its.state)
                assert not [*digests.iterdir()]

    run(main())


def test_in_a_folder_one_failure_never_stops_the_others(run, engine, get, write, tmp_path):
    plugins = tmp_path / "plugins"
    write(plugins / "shop.py", "shop")
    write(plugins / "cart.py", "cart")
    (plugins / "half.plg").write_bytes(b"\x1f\x8bhalf")
    (plugins / "broken.py").write_text("# /// script\n# [tool.weft]\n# ///\nraise ValueError('no stock')")
    (plugins / "helper.py").write_text("no plugin: it has no table")

    async def main():
        async with engine() as its:
            with pytest.raises(LoadFailed, match="2 of 4 plugins were not loaded") as caught:
                await its.load(plugins)
            errors = caught.value.errors
            assert errors.keys() == {"broken", str(plugins / "half.plg")}
            assert isinstance(errors["broken"], StartFailed)
            assert isinstance(errors[str(plugins / "half.plg")], PackageError)
            assert caught.value.loaded == ("cart", "shop")
            assert "no stock" in str(caught.value)
            for name in ("cart", "shop"):
                assert (await get(its.plugin(name)))[0] == name

    run(main())


def test_two_plugins_of_a_folder_with_one_name(run, engine, write, tmp_path):
    write(tmp_path / "plugins" / "a.py", lines=['name = "shop"'])
    write(tmp_path / "plugins" / "b.py", lines=['name = "shop"'])

    async def main():
        async with engine() as its:
            with pytest.raises(LoadFailed) as caught:
                await its.load(tmp_path / "plugins")
            assert caught.value.loaded == ("shop",)
            ((path, error),) = caught.value.errors.items()
            assert path == str(tmp_path / "plugins" / "b.py")
            assert str(error) == f"{path} and {path[:-4]}a.py are both named shop: rename one"

    run(main())


def test_a_name_that_is_taken(run, engine, write, tmp_path):
    async def main():
        async with engine() as its:
            await its.load(write(tmp_path / "shop.py"))
            with pytest.raises(Conflict, match=r"there is a plugin shop already: engine\.upgrade\('shop'"):
                await its.load(tmp_path / "shop.py")

    run(main())


def test_of_two_loads_of_one_name_at_once_one_succeeds(run, engine, get, write, tmp_path):
    sources = [write(tmp_path / side / "shop.py", side) for side in ("left", "right")]

    async def main():
        async with engine() as its:
            done = await asyncio.gather(*(its.load(source) for source in sources), return_exceptions=True)
            assert sorted(type(each).__name__ for each in done) == ["Conflict", "tuple"]
            winner = next(each for each in done if isinstance(each, tuple))[0]
            assert its.plugins == {"shop": winner}
            assert (await get(winner))[0] == ("left" if isinstance(done[0], tuple) else "right")

    run(main())


# --- what the host gives ---------------------------------------------------------------------------------------------


def test_config_is_kept_over_upgrades(run, engine, write, tmp_path):
    source = write(tmp_path / "shop.py", lines=['config = { size = 1, colour = "red" }'])

    async def main():
        async with engine() as its:
            (plugin,) = await its.load(source, config={"size": 2}, env={"A": "1"}, order=Order(priority=7))
            assert plugin.release.launch().config == {"size": 2, "colour": "red"}
            assert plugin.manifest.order.priority == 7
            newer = write(tmp_path / "newer.py", lines=['config = { size = 1, taste = "sour" }'])
            await its.upgrade("shop", newer, config={"weight": 5}, env={"B": "2"})
            assert plugin.release.launch().config == {"size": 2, "taste": "sour", "weight": 5}
            assert plugin.release.env == {"A": "1", "B": "2"}
            assert plugin.manifest.order.priority == 7

    run(main())


def test_of_a_folder_settings_go_by_name(run, engine, write, tmp_path):
    for name in ("cart", "shop"):
        write(tmp_path / "plugins" / f"{name}.py")

    async def main():
        async with engine() as its:
            await its.load(tmp_path / "plugins", config={"shop": {"size": 2}}, order={"cart": Order(priority=1)})
            assert its.plugin("shop").release.config == {"size": 2}
            assert its.plugin("cart").release.config == {}
            assert its.plugin("cart").manifest.order.priority == 1

    run(main())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"config": {"till": {"size": 2}}}, "config, env or order is given to till, and the plugins are cart, shop"),
        ({"config": {"size": 2}}, "what is given goes by their names"),
        ({"order": Order()}, "give order by name"),
        ({"name": "store"}, "load 'store' by its own path"),
    ],
)
def test_settings_of_a_folder_that_fit_no_plugin(run, engine, write, tmp_path, given, words):
    for name in ("cart", "shop"):
        write(tmp_path / "plugins" / f"{name}.py")

    async def main():
        async with engine() as its:
            with pytest.raises(UsageError, match=words):
                await its.load(tmp_path / "plugins", **given)
            assert its.plugins == {}

    run(main())


# --- plugins that require plugins ------------------------------------------------------------------------------------


def chain(write, folder):
    write(folder / "shop.py", requires={"cart": ">=1", "till": "*"})
    write(folder / "cart.py", requires={"till": "<2"})
    write(folder / "till.py", version="1.9.0-beta.1")
    write(folder / "alone.py")


def test_each_starts_after_what_it_requires_and_ends_before(run, engine, write, tmp_path):
    chain(write, tmp_path / "plugins")

    async def main():
        events = []
        async with engine() as its:
            its.listen(events.append)
            await its.load(tmp_path / "plugins")
            with pytest.raises(Refused, match="plugin till is required by cart, shop: unload what requires it first"):
                await its.unload("till")
        told = {kind: [each.plugin for each in events if each.kind == kind] for kind in ("running", "stopped")}
        assert [name for name in told["running"] if name != "alone"] == ["till", "cart", "shop"]
        assert [name for name in told["stopped"] if name != "alone"] == ["shop", "cart", "till"]

    run(main())


def test_one_at_a_time_works_where_the_required_one_is_there(run, engine, write, tmp_path):
    chain(write, tmp_path)

    async def main():
        async with engine() as its:
            with pytest.raises(UsageError, match="plugin cart requires till <2, which does not run"):
                await its.load(tmp_path / "cart.py")
            for name in ("till", "cart", "shop"):
                await its.load(tmp_path / f"{name}.py")
            for name in ("shop", "cart", "till"):
                await its.unload(name)
            assert its.plugins == {}

    run(main())


def test_missing_wrong_and_circular_requirements_are_named_in_full(run, engine, write, tmp_path):
    folder = tmp_path / "plugins"
    write(folder / "a.py", requires={"b": "*"})
    write(folder / "b.py", requires={"c": ">=1"})
    write(folder / "c.py", requires={"a": "*"})
    write(folder / "shop.py", requires={"till": ">=2", "nothing": ">=1"})
    write(folder / "above.py", requires={"shop": "*"})
    write(folder / "till.py", version="1.5")

    async def main():
        async with engine() as its:
            with pytest.raises(LoadFailed) as caught:
                await its.load(folder)
            assert caught.value.loaded == ("till",)
            texts = {name: str(error) for name, error in caught.value.errors.items()}
            assert texts["a"].startswith("plugin a, which requires b, which requires c, which requires a: ")
            assert texts["b"].startswith("plugin b, which requires c, which requires a, which requires b: ")
            assert "till >=2, and till is 1.5 and nothing >=1, which does not run" in texts["shop"]
            assert "requires shop, which does not run" in texts["above"]

    run(main())


def test_what_requires_one_that_does_not_start_is_not_started(run, engine, write, tmp_path):
    write(tmp_path / "plugins" / "shop.py", requires={"till": "*"})

    async def main():
        async with engine() as its:
            (tmp_path / "plugins" / "till.py").write_text(
                "# /// script\n# [tool.weft]\n# ///\nraise ValueError('broke')"
            )
            with pytest.raises(LoadFailed) as caught:
                await its.load(tmp_path / "plugins")
            assert isinstance(caught.value.errors["till"], StartFailed)
            assert "requires till, which does not run" in str(caught.value.errors["shop"])
            assert its.plugins == {}

    run(main())


# --- upgrades --------------------------------------------------------------------------------------------------------


def test_an_upgrade_keeps_the_name_and_ends_the_old(run, engine, get, write, tmp_path, eventually):
    async def main():
        async with engine() as its:
            (plugin,) = await its.load(write(tmp_path / "shop.py"))
            newer = pack(folder_of(write(tmp_path / "other.py", "two")), tmp_path / "shop-2.0.plg")
            assert await its.upgrade("shop", newer) is plugin
            assert (plugin.name, plugin.version, plugin.release.number) == ("shop", "2.0.0", 2)
            assert (await get(plugin))[0] == "two"
            (digests,) = left_in(its.state)
            await eventually(lambda: len([*digests.iterdir()]) == 1)
            with pytest.raises(UnknownPlugin):
                await its.upgrade("cart", newer)
            write(tmp_path / "both" / "a.py")
            write(tmp_path / "both" / "b.py")
            with pytest.raises(UsageError, match="name the one"):
                await its.upgrade("shop", tmp_path / "both")

    run(main())


def test_the_same_files_and_settings_are_nothing_to_do(run, engine, write, tmp_path):
    async def main():
        async with engine() as its:
            (plugin,) = await its.load(write(tmp_path / "shop.py"))
            before = plugin.instances
            await its.upgrade("shop", write(tmp_path / "shop.py"))
            assert plugin.instances == before
            await its.upgrade("shop", tmp_path / "shop.py", config={"size": 2})
            assert plugin.instances != before

    run(main())


@pytest.mark.parametrize("text", ["app = (", "raise ValueError", "# /// script\n# [tool.weft]\n# x = 1\n# ///", ""])
def test_an_upgrade_that_fails_under_calls_keeps_the_old(run, engine, get, write, tmp_path, text):
    async def main():
        async with engine() as its:
            (plugin,) = await its.load(write(tmp_path / "shop.py"))
            before, release, over = plugin.instances, plugin.release, False

            async def client():
                seen = set()
                while not over:
                    seen |= {(await get(plugin))[0]}
                return seen

            clients = [asyncio.create_task(client()) for _ in range(4)]
            (tmp_path / "bad.py").write_text(text)
            events = []
            its.listen(events.append)
            with pytest.raises((StartFailed, ManifestError, PackageError)):
                await its.upgrade("shop", tmp_path / "bad.py")
            over = True
            assert await asyncio.gather(*clients) == [{"one"}] * 4
            assert (plugin.instances, plugin.release, plugin.state) == (before, release, "running")
            assert "upgrade_failed" in [each.kind for each in events]

    run(main())


def test_an_upgrade_out_of_the_range_that_others_need_is_refused(run, engine, write, tmp_path):
    async def main():
        async with engine() as its:
            (till,) = await its.load(write(tmp_path / "till.py", version="1.0"))
            await its.load(write(tmp_path / "shop.py", requires={"till": "<2"}))
            with pytest.raises(Refused, match="plugin till 2.0 is not what others need: shop requires <2"):
                await its.upgrade("till", write(tmp_path / "till2.py", version="2.0"))
            with pytest.raises(UsageError, match="till, which requires shop, which requires till"):
                await its.upgrade("till", write(tmp_path / "till3.py", version="1.1", requires={"shop": "*"}))
            assert till.version == "1.0"
            await its.upgrade("till", write(tmp_path / "till4.py", version="1.2"))
            assert till.version == "1.2"

    run(main())


@pytest.mark.parametrize("end", ["stopped", "quarantined"])
def test_one_that_does_not_run_can_be_upgraded_and_loads_beside_it_are_refused(
    run, engine, get, write, tmp_path, eventually, end
):
    async def main():
        async with engine(supervision=SupervisionSettings(failures=1)) as its:
            (plugin,) = await its.load(write(tmp_path / "till.py"))
            if end == "stopped":
                await its.stop("till")
            else:
                os.kill(plugin.instances[0].pid, 9)
            await eventually(lambda: plugin.state == end)
            with pytest.raises(Conflict, match="there is a plugin till already"):
                await its.load(tmp_path / "till.py")
            with pytest.raises(UsageError, match="requires till, which does not run"):
                await its.load(write(tmp_path / "shop.py", requires={"till": "*"}))
            assert await its.upgrade("till", write(tmp_path / "newer.py", "two")) is plugin
            assert (plugin.state, (await get(plugin))[0]) == ("running", "two")
            await its.load(tmp_path / "shop.py")
            if end == "quarantined":
                os.kill(plugin.instances[0].pid, 9)
                await eventually(lambda: plugin.state == end)
        assert plugin.state == "stopped"

    run(main())


# --- ending in the middle --------------------------------------------------------------------------------------------

SLOW = "# /// script\n# [tool.weft]\n# ///\nimport time\ntime.sleep(60)"


def test_a_load_that_is_cancelled_leaves_nothing(run, engine, write, tmp_path, eventually):
    write(tmp_path / "plugins" / "quick.py")
    (tmp_path / "plugins" / "slow.py").write_text(SLOW)

    async def main():
        async with engine() as its:
            kinds = []
            its.listen(lambda event: kinds.append((event.plugin, event.kind)))
            loading = asyncio.create_task(its.load(tmp_path / "plugins", watch=True))
            await eventually(lambda: {("quick", "running"), ("slow", "starting")} <= {*kinds})
            loading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await loading
            assert its.plugins == {}
            (digests,) = left_in(its.state)
            assert not [*digests.iterdir()]
            (tmp_path / "plugins" / "slow.py").unlink()
            assert len(await its.load(tmp_path / "plugins")) == 1

    run(main())


def test_the_end_of_the_engine_gives_a_load_up(run, engine, tmp_path, eventually):
    (tmp_path / "slow.py").write_text(SLOW)

    async def main():
        kinds = []
        async with engine() as its:
            its.listen(lambda event: kinds.append(event.kind))
            loading = asyncio.create_task(its.load(tmp_path / "slow.py"))
            await eventually(lambda: "starting" in kinds)
        with pytest.raises(Unavailable, match="the engine is ending"):
            await loading
        with pytest.raises(Unavailable, match="the engine is ending"):
            await its.load(tmp_path / "slow.py")
        assert its.plugins == {}

    run(main())
