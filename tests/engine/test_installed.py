"""Plugins that are installed in the host, found by their entry points and run inline."""

from __future__ import annotations

import sys

import pytest

from weft.errors import EnvironmentFailed, LoadFailed
from weft.manifest import Order

APP = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"installed"})
"""


@pytest.fixture
def install(tmp_path, monkeypatch, importable):
    """``install(name, text, requires=…)``: a distribution of one module, with an entry point."""
    site = tmp_path / "site"
    importable(site)

    def distribution(name, text=APP, requires=()):
        info = site / f"{name}-1.2.dist-info"
        info.mkdir(parents=True)
        (site / f"installed_{name}.py").write_text(text)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.2"]
        (info / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {each}" for each in requires)]) + "\n")
        (info / "entry_points.txt").write_text(f"[weft.tests]\n{name} = installed_{name}:app\n")
        monkeypatch.delitem(sys.modules, f"installed_{name}", raising=False)

    yield distribution
    for name in [name for name in sys.modules if name.startswith("installed_")]:
        del sys.modules[name]


def test_installed_plugins_run_where_they_are(run, engine, get, install, tmp_path):
    install("shop")
    install("cart")

    async def main():
        async with engine() as its:
            cart, shop = await its.load_installed(
                "weft.tests", config={"shop": {"size": 2}}, order={"cart": Order(priority=3)}
            )
            assert (cart.name, shop.name, shop.version, shop.manifest.runtime) == ("cart", "shop", "1.2", "inline")
            assert (shop.release.config, cart.manifest.order.priority) == ({"size": 2}, 3)
            assert await get(shop) == ["installed"]
            assert shop.release.folder == tmp_path / "site"
            await its.unload("shop")
            assert "installed_shop" in sys.modules
            assert (tmp_path / "site" / "installed_shop.py").exists()
        assert not (tmp_path / "state" / "environments").exists()

    run(main())


def test_none_is_none(run, engine):
    async def main():
        async with engine() as its:
            assert await its.load_installed("weft.tests") == ()

    run(main())


def test_one_that_cannot_be_loaded_stands_by_its_name(run, engine, install):
    install("shop", requires=["surely-not-installed-anywhere>=3"])
    install("cart", "app = 3")
    install("till")

    async def main():
        async with engine() as its:
            with pytest.raises(LoadFailed, match="2 of 3") as caught:
                await its.load_installed("weft.tests")
            assert caught.value.errors.keys() == {"shop", "cart"}
            assert isinstance(caught.value.errors["shop"], EnvironmentFailed)
            assert "surely-not-installed-anywhere" in str(caught.value.errors["shop"])
            assert [*its.plugins] == ["till"]

    run(main())


def test_an_inline_plugin_of_a_file_is_a_copy_too(run, engine, get, write, tmp_path):
    source = write(tmp_path / "shop.py", lines=['runtime = "inline"'])

    async def main():
        async with engine() as its:
            (plugin,) = await its.load(source)
            assert plugin.instances[0].pid is None
            source.write_text("half wri")
            await its.restart("shop")
            assert (await get(plugin))[0] == "one"
            await its.upgrade("shop", write(source, "two", lines=['runtime = "inline"']))
            assert (await get(plugin))[0] == "two"
            assert await its.collect(idle=0) == []

    run(main())
