"""Plugins used by their contracts, the same in every runtime, and over everything that happens to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import pytest

import weft
from weft.errors import (
    ContractError,
    ContractMismatch,
    PluginError,
    Unavailable,
    UsageError,
    WrongArgument,
)

RUNTIMES = ("inline", "process")


class Closed(Exception):  # noqa: N818 - a name that a plugin writes as well
    pass


@weft.contract(name="press")
class Press(Protocol):
    """Prints pages."""

    paper: str

    async def printed(self, page: str, copies: int = 1) -> str: ...

    @weft.raises(Closed)
    async def closing(self, hour: int) -> str: ...

    async def loudly(self, page: str) -> str:
        return (await self.printed(page)).upper()

    @weft.hook(mode="pipeline")
    async def pipe(self, page: str) -> str: ...

    @weft.hook
    async def name(self) -> str: ...


@weft.contract(name="plain_press")
class PlainPress(Protocol):
    def printed(self, page: str) -> str: ...


PRESS = """
class Closed(Exception):
    pass

class Plugin:
    paper = {paper!r}
    async def printed(self, page: str, copies: int = 1) -> str:
        return f"{paper} {{page}} x{{copies}}"
    def closing(self, hour):
        raise Closed("at", hour)
    async def pipe(self, page):
        return page + {paper!r}
    async def name(self):
        return {paper!r}
"""
RELAY = """
from __future__ import annotations
from typing import Protocol
import weft

@weft.contract(name="press")
class Press(Protocol):
    async def printed(self, page: str, copies: int = 1) -> str: ...

class Plugin:
    def __init__(self, context):
        self.context = context
    async def ask(self, name: str) -> str:
        return await self.context.use(Press, name).printed("asked")
"""


@weft.contract(name="relay")
class Relay(Protocol):
    async def ask(self, name: str) -> str: ...


@pytest.fixture
def plugin(tmp_path):
    """``plugin(name, source, runtime, provides, version, extra)``: a folder."""

    def make(name, source, *, runtime="process", provides="press", version="1.0.0", extra=""):
        folder = tmp_path / f"{name}-{version}"
        folder.mkdir()
        (folder / f"mod_{name}.py").write_text(source)
        manifest = f"name: {name}\nversion: {version}\nruntime: {runtime}\nprovides: [{provides}]\n{extra}"
        (folder / "plugin.yaml").write_text(manifest)
        return folder

    return make


def press(paper):
    return PRESS.format(paper=paper)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_methods_constants_and_default_bodies(run, engine, plugin, runtime):
    async def main():
        async with engine() as its:
            await its.load(plugin("gazette", press("news"), runtime=runtime))
            used = its.use(Press)
            assert await used.printed("p") == "news p x1"
            assert await used.printed(copies=2, page="p") == "news p x2"
            assert used.paper == "news"
            assert await used.loudly("p") == "NEWS P X1"
            assert repr(used) == "<press@1 of plugin gazette>"
            with pytest.raises(TypeError, match=r"^press\.printed\(\) missing 1 required positional argument: 'page'"):
                await used.printed()
            with pytest.raises(Closed) as caught:
                await used.closing(7)
            assert caught.value.args == ("at", 7)

    run(main())


@pytest.mark.parametrize("after", RUNTIMES)
@pytest.mark.parametrize("before", RUNTIMES)
def test_what_is_held_stays_right_over_an_upgrade_even_to_another_runtime(run, engine, plugin, before, after):
    async def main():
        async with engine() as its:
            await its.load(plugin("gazette", press("old"), runtime=before))
            used = its.use(Press, "gazette")
            kept = used.printed
            await its.upgrade("gazette", plugin("gazette", press("new"), runtime=after, version="2.0.0"))
            assert [await used.printed("p"), await kept("p"), used.paper] == ["new p x1", "new p x1", "new"]
            await its.unload("gazette")
            with pytest.raises(Unavailable, match="plugin gazette is stopped"):
                await kept("p")

    run(main())


def test_calls_under_way_finish_on_the_old_version(run, engine, plugin, eventually):
    slow = (
        press("old")
        .replace("return f", "await asyncio.sleep(0.4)\n        return f")
        .replace("class Plugin", "import asyncio\nclass Plugin")
    )

    async def main():
        async with engine() as its:
            for runtime in RUNTIMES:
                await its.load(plugin(runtime, slow, runtime=runtime))
            began = [asyncio.create_task(each.printed("p")) for each in its.all(Press).values()]
            await eventually(lambda: its.plugin("process").instances[0].in_flight)
            for runtime in RUNTIMES:
                await its.upgrade(runtime, plugin(runtime, press("new"), runtime=runtime, version="2.0.0"))
            assert await asyncio.gather(*began) == ["old p x1"] * 2
            assert [await each.printed("p") for each in its.all(Press).values()] == ["new p x1"] * 2

    run(main())


def test_hooks_call_every_provider_in_order_across_runtimes(run, engine, plugin):
    async def main():
        async with engine() as its:
            hooks = its.hooks(Press)
            assert (await hooks.name(), await hooks.pipe("p")) == ([], "p")
            await its.load(plugin("a", press("a")))
            await its.load(plugin("b", press("b"), runtime="inline", extra="order: {before: [a]}\n"))
            await its.load(plugin("c", press("c"), extra="order: {priority: -1}\n"))
            assert (await hooks.name(), await hooks.pipe("p")) == (["c", "b", "a"], "pcba")
            await its.upgrade("b", plugin("b", press("B"), version="2.0.0"))
            assert await hooks.name() == ["c", "a", "B"]
            await its.unload("a")
            assert await hooks.name() == ["c", "B"]
            with pytest.raises(UsageError, match="printed is a method, not a hook"):
                hooks.printed  # noqa: B018 - the attribute itself is the error

    run(main())


def test_a_cycle_of_orders_is_told_and_the_chain_goes_on_without(run, engine, plugin):
    async def main():
        async with engine() as its:
            told = []
            its.listen(told.append)
            hooks = its.hooks(Press)
            await its.load(plugin("a", press("a"), extra="order: {before: [b]}\n"))
            await its.load(plugin("b", press("b"), extra="order: {before: [a]}\n"))
            assert await hooks.name() == ["a"]
            (failed,) = [event for event in told if event.kind == "contract_failed"]
            assert failed.plugin == "b"
            assert "a before b before a" in failed.message

    run(main())


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_plugin_calls_those_that_its_permissions_name(run, engine, plugin, runtime):
    async def main():
        async with engine() as its:
            await its.load(plugin("gazette", press("news")))
            await its.load(plugin("inside", press("in"), runtime="inline"))
            allowed = "permissions: {plugins: [gazette, inside]}\n"
            await its.load(plugin("asks", RELAY, runtime=runtime, provides="relay", extra=allowed))
            await its.load(plugin("may_not", RELAY, runtime=runtime, provides="relay"))
            assert await its.use(Relay, "asks").ask("gazette") == "news asked x1"
            assert await its.use(Relay, "asks").ask("inside") == "in asked x1"
            with pytest.raises(PluginError, match="may_not may not call plugin gazette") as caught:
                await its.use(Relay, "may_not").ask("gazette")
            assert caught.value.plugin == "may_not"
            assert await its.use(Press, "gazette").loudly("p") == "NEWS P X1"

    run(main())


FORGES = """
import gc
from weft.calls.wired import WiredChannel

class Plugin:
    async def ask(self, name: str) -> str:
        gc.unfreeze()
        (wire,) = (each for each in gc.get_objects() if type(each) is WiredChannel)
        press = {"contract": "press", "version": 1, "methods": {}}
        await wire.call("weft.use", [1, press, "gazette"])
        return str(await wire.call("weft.peer", [1, name, []]))
"""


def test_a_peer_is_called_by_its_contract_and_never_by_what_its_host_alone_may_ask(run, engine, plugin):
    async def main():
        async with engine() as its:
            await its.load(plugin("gazette", press("news")))
            allowed = "permissions: {plugins: [gazette]}\n"
            await its.load(plugin("forges", FORGES, provides="relay", extra=allowed))
            for method in ("weft.stop", "weft.bind", "web.request"):
                with pytest.raises(PluginError, match="which has no"):
                    await its.use(Relay, "forges").ask(method)
            assert its.plugin("gazette").stats()["restarts"] == 0
            assert await its.use(Press, "gazette").loudly("p") == "NEWS P X1"

    run(main())


def test_a_contract_may_be_declared_after_the_plugin_was_loaded(run, engine, plugin):
    async def main():
        async with engine() as its:
            for runtime in RUNTIMES:
                source = "class Plugin:\n    async def double(self, number: int) -> int:\n        return number * 2\n"
                await its.load(plugin(runtime, source, runtime=runtime, provides="late"))

            @weft.contract(name="late")
            class Late(Protocol):
                async def double(self, number: int) -> int: ...

            assert [await each.double(4) for each in its.all(Late).values()] == [8, 8]

            @weft.contract(name="late", version=2)
            class Later(Protocol):
                async def double(self, number: int) -> int: ...

            with pytest.raises(ContractMismatch, match=r"does not provide late@2 \(it provides late@1\)"):
                its.use(Later, "inline")

    run(main())


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("async def printed", "async def prints"), "printed: .*the plugin has no such method"),
        (("page: str,", "page: int,"), "page is str, not int"),
        (("paper = ", "other = "), "paper: the contract says paper: str"),
    ],
)
def test_a_plugin_that_does_not_fit_is_refused_at_load_with_both_sides(run, engine, plugin, runtime, change, says):
    async def main():
        async with engine() as its:
            with pytest.raises(ContractMismatch, match=says) as caught:
                await its.load(plugin("gazette", press("news").replace(*change), runtime=runtime))
            assert caught.value.plugin == "gazette"
            assert its.plugins == {}

    run(main())


def test_another_major_version_is_refused_at_load(run, engine, plugin):
    async def main():
        async with engine() as its:
            with pytest.raises(
                ContractMismatch, match="the host has contract press@1, and the plugin provides press@2"
            ):
                await its.load(plugin("gazette", press("news"), provides="press@2"))

    run(main())


def test_methods_declared_with_def_need_a_plugin_that_implements_them_so_inline(run, engine, plugin):
    source = "class Plugin:\n    {how} printed(self, page: str) -> str:\n        return page * 2\n"

    async def main():
        async with engine() as its:
            await its.load(plugin("here", source.format(how="def"), runtime="inline", provides="plain_press"))
            await its.load(plugin("waits", source.format(how="async def"), runtime="inline", provides="plain_press"))
            await its.load(plugin("away", source.format(how="def"), provides="plain_press"))
            assert its.use(PlainPress, "here").printed("p") == "pp"
            with pytest.raises(ContractError, match="waits implements it with async def: .* or use weft.sync"):
                its.use(PlainPress, "waits")
            with pytest.raises(ContractError, match="away does not run inline: declare it async def"):
                its.use(PlainPress, "away")

    run(main())


@pytest.mark.parametrize(("how", "runtime"), [("async def", "inline"), ("def", "process")])
def test_an_upgrade_that_no_def_method_can_reach_is_told_and_leads_nowhere_else(run, engine, plugin, how, runtime):
    source = "class Plugin:\n    {how} printed(self, page: str) -> str:\n        return page + {text!r}\n"

    async def main():
        async with engine() as its:
            told = []
            its.listen(told.append)
            old = source.format(how="def", text="old")
            await its.load(plugin("gazette", old, runtime="inline", provides="plain_press"))
            used = its.use(PlainPress, "gazette")
            new = source.format(how=how, text="new")
            changed = plugin("gazette", new, runtime=runtime, provides="plain_press", version="2.0.0")
            await its.upgrade("gazette", changed)
            (failed,) = [event for event in told if event.kind == "contract_failed"]
            assert failed.plugin == "gazette"
            assert "plain_press.printed is declared with def" in failed.message
            with pytest.raises(ContractError, match="plain_press.printed is declared with def"):
                used.printed("p")

    run(main())


def test_who_provides_it_must_be_plain(run, engine, plugin):
    async def main():
        async with engine() as its:
            with pytest.raises(UsageError, match=r"no plugin provides press@1 \(loaded: none\)"):
                its.use(Press)
            await its.load(plugin("a", press("a")))
            await its.load(plugin("b", press("b")))
            with pytest.raises(UsageError, match="2 plugins provide press@1: name one of a, b"):
                its.use(Press)
            with pytest.raises(UsageError, match="there is no plugin 'c'"):
                its.use(Press, "c")
            assert list(its.all(Press)) == ["a", "b"]
        with pytest.raises(UsageError, match=r"\(loaded: a, which provides nothing, and is stopped; b, "):
            its.use(Press)

    run(main())


def test_two_contracts_of_one_name_cannot_be_used_together(run, engine):
    @weft.contract(name="twice")
    class One(Protocol):
        async def one(self) -> int: ...

    @weft.contract(name="twice")
    class Two(Protocol):
        async def two(self) -> int: ...

    async def main():
        async with engine(contracts=[One]) as its:
            with pytest.raises(UsageError, match="two different contracts are called twice@1"):
                its.all(Two)

    run(main())


def test_with_checks_inline_calls_are_held_to_the_contract_too(run, engine, plugin):
    async def main():
        async with engine(checked=True) as its:
            await its.load(plugin("gazette", press("news"), runtime="inline"))
            with pytest.raises(weft.WeftError, match="press.printed: page: expected str, found bytes"):
                await its.use(Press).printed(b"p")
        async with engine() as its:
            await its.load(plugin("gazette", press("news"), runtime="inline", version="2.0.0"))
            assert await its.use(Press).printed(b"p") == "news b'p' x1"

    run(main())


def test_what_an_inline_plugin_raises_is_told_as_that_of_a_process(run, engine, plugin):
    source = press("x").replace("return f", "raise {}\n        return f")

    async def main():
        async with engine() as its:
            for number, what in enumerate(["ValueError('no')", "SystemExit(3)", "asyncio.CancelledError()"]):
                for runtime in RUNTIMES:
                    broken = "import asyncio\n" + source.replace("raise {}", f"raise {what}")
                    name = f"{runtime}{number}"
                    await its.load(plugin(name, broken, runtime=runtime))
                    with pytest.raises(PluginError) as caught:
                        await its.use(Press, name).printed("p")
                    error = caught.value
                    assert (error.plugin, error.version) == (name, "1.0.0")
                    assert what.partition("(")[0].rpartition(".")[2] in error.type_name
                    assert "in printed" in error.traceback

    run(main())


def test_a_plugin_may_lack_an_optional_hook(run, engine, plugin):
    @weft.contract(name="optional_hooks")
    class Optional(Protocol):
        @weft.hook(mode="first", optional=True)
        async def found(self, name: str) -> str | None: ...

        @weft.hook
        async def named(self) -> str: ...

    source = "class Plugin:\n    async def named(self):\n        return 'n'\n"

    async def main():
        async with engine() as its:
            for runtime in RUNTIMES:
                await its.load(plugin(runtime, source, runtime=runtime, provides="optional_hooks"))
            hooks = its.hooks(Optional)
            assert (await hooks.named(), await hooks.found("x")) == (["n", "n"], None)
            assert await its.use(Optional, "process").found("x") is None
            with pytest.raises(ContractMismatch, match="named: .*the plugin has no such method"):
                await its.load(plugin("lacks", "class Plugin:\n    pass\n", provides="optional_hooks"))

    run(main())


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_plugins_own_model_checks_its_configuration_and_shows_no_value(run, engine, plugin, runtime):
    source = press("x").replace(
        "class Plugin:",
        """
class Model:
    def __init__(self, depth): self.depth = depth
    @classmethod
    def model_validate(cls, values):
        if not isinstance(values.get("depth"), int):
            raise Wrong(values)
        return cls(values["depth"])

class Wrong(ValueError):
    def errors(self):
        return [{"loc": ("depth",), "msg": "should be an integer", "input": "s3cret"}]

class Plugin:
    Config = Model
    def __init__(self, context):
        self.paper = str(context.config.depth)
""",
    )

    async def main():
        async with engine() as its:
            folder = plugin("gazette", source, runtime=runtime)
            with pytest.raises(
                weft.PluginError, match=r"does not fit Plugin\.Config: depth: should be an integer"
            ) as caught:
                await its.load(folder, config={"depth": "s3cret"})
            assert "s3cret" not in str(caught.value)
            await its.load(folder, config={"depth": 3})
            assert its.use(Press).paper == "3"

    run(main())


@weft.contract(name="stall")
class Stall(Protocol):
    async def sold(self, prices: AsyncIterator[int], agreed: Callable[[int], bool]) -> int: ...


STALL = """
class Plugin:
    def sold(self, prices, agreed):
        return sum(price for price in prices if agreed(price))
"""


async def _prices(*prices):
    for each in prices:
        yield each


@pytest.mark.parametrize(
    ("prices", "agreed", "says"),
    [
        ([1, "2"], lambda _: True, r"stall\.sold: prices: expected int, found str$"),
        ([1, 2], lambda _: "yes", r"sold: callback agreed: its result: expected bool, found str$"),
    ],
)
def test_a_wrong_item_or_result_of_a_callback_is_told_by_its_name(run, engine, tmp_path, prices, agreed, says):
    (tmp_path / "stall.py").write_text(STALL)

    async def main():
        async with engine() as its:
            await its.load(tmp_path / "stall.py")
            with pytest.raises(WrongArgument, match=says):
                await its.use(Stall).sold(_prices(*prices), agreed)

    run(main())


@pytest.mark.parametrize(
    "facts",
    [
        "{}",
        "{'provides': ['press@1']}",
        "{**honest, 'described': {}}",
        "{**honest, 'described': {'press@1': {'contract': 'press'}}}",
        "{**honest, 'described': {'press@1': 7}}",
        "{**honest, 'constants': {'press@1': 7}}",
        "{**honest, 'constants': {'press@1': {1: 2}}}",
        "{**honest, 'missing': {'press@1': ['printed']}}",
        "{**honest, 'missing': 7}",
        "{**honest, 'provides': 7}",
    ],
)
def test_a_plugin_that_lies_of_itself_is_refused_at_its_start(run, engine, plugin, facts):
    lies = f"""
from weft.sdk import provider

truth = provider.ContractProvider.facts

def facts(self):
    honest = truth(self)
    return {facts}

provider.ContractProvider.facts = facts
"""

    async def main():
        async with engine() as its:
            with pytest.raises(weft.PluginError, match="answered the start with|says that it lacks") as caught:
                await its.load(plugin("gazette", lies + press("news")))
            assert caught.value.plugin == "gazette"
            assert its.plugins == {}

    run(main())
