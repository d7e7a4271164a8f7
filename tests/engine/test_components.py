"""Components: what plugins in Stockpile's form register, used by their ids, in every runtime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

import weft
import weft.sync
from weft.errors import Conflict, LoadFailed, ManifestError, StartFailed, UsageError

RUNTIMES = pytest.mark.parametrize("runtime", ["inline", "process"])


class Torn(Exception):  # noqa: N818 - a name that a plugin writes as well
    pass


@weft.contract(name="loom")
class Loom(Protocol):
    """An extension point of the application's own."""

    async def weave(self, yarn: str) -> str: ...

    @weft.raises(Torn)
    async def pull(self) -> None: ...

    def threads(self, count: int) -> AsyncIterator[int]: ...

    async def twice(self, yarn: str) -> str:
        return await self.weave(await self.weave(yarn))

    @weft.hook
    async def pattern(self) -> str: ...


@weft.contract(name="loom")
class PlainLoom(Protocol):
    def weave(self, yarn: str) -> str: ...


LOOMS = """
# /// script
# [tool.weft]
# runtime = "{runtime}"
# ///
Metadata = {{"Name": "The {name}", "Version": "1.2.0", "Authors": ["Ada"], "Website": "https://example.org"}}

class Torn(Exception):
    pass

class Loom:
    def __init__(self, kind, config):
        self.kind, self.config = kind, config
    async def weave(self, yarn: str) -> str:
        return f"{{self.config.get('prefix', '')}}{{self.kind}}({{yarn}})"
    async def pull(self):
        raise Torn(self.kind)
    async def threads(self, count: int):
        for number in range(count):
            yield number
    async def pattern(self):
        return self.kind
    def close(self):
        print("closed", self.kind, flush=True)

def InitializePlugin(ctx):
    for kind in {kinds!r}:
        ctx.register("loom", kind, lambda config, kind=kind: Loom(kind, config))
"""


WHOLE = """
class Torn(Exception): ...

class Plugin:
    async def weave(self, yarn: str) -> str:
        return f"whole({yarn})"
    async def pull(self): ...
    async def threads(self, count: int):
        yield count
    async def pattern(self):
        return "whole"
"""


@pytest.fixture
def looms(tmp_path):
    """``looms(name, *kinds, runtime=…)``: the file of a plugin with these components."""

    def write(name, *kinds, runtime="inline"):
        source = tmp_path / f"{name}.py"
        source.write_text(LOOMS.format(name=name, kinds=kinds, runtime=runtime))
        return source

    return write


@pytest.fixture
def plugin(tmp_path):
    """``plugin(code, name)``: the file of a plugin in Stockpile's form."""

    def write(code, name="bad", metadata='Metadata = {"Name": "Bad"}\n'):
        source = tmp_path / f"{name}.py"
        source.write_text(metadata + code)
        return source

    return write


@RUNTIMES
def test_components_are_used_by_their_ids(looms, run, runtime):
    async def main():
        printed = []
        async with weft.Engine(output=lambda _plugin, line: printed.append(line.text)) as engine:
            await engine.load(looms("mill", "jacquard", "dobby", runtime=runtime), config={"prefix": "a "})
            jacquard, dobby = engine.use(Loom, "jacquard"), engine.use(Loom, "dobby")
            assert await asyncio.gather(jacquard.weave("wool"), dobby.weave("silk")) == [
                "a jacquard(wool)",
                "a dobby(silk)",
            ]
            assert await dobby.twice("silk") == "a dobby(a dobby(silk))"
            assert [each async for each in dobby.threads(3)] == [0, 1, 2]
            with pytest.raises(Torn, match="dobby"):
                await dobby.pull()
            assert engine.use(Loom, "dobby") is dobby
            assert list(engine.all(Loom)) == ["jacquard", "dobby"]
            assert await engine.hooks(Loom).pattern() == ["jacquard", "dobby"]
            assert engine.plugin("mill").provides == ("loom#jacquard@1", "loom#dobby@1")
        if runtime == "process":
            assert printed == ["closed dobby", "closed jacquard"]

    run(main())


@RUNTIMES
def test_an_upgrade_replaces_components_under_their_users(looms, run, runtime, tmp_path):
    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            await engine.load(looms("mill", "jacquard", "dobby", runtime=runtime))
            dobby, hooks = engine.use(Loom, "dobby"), engine.hooks(Loom)
            assert await hooks.pattern() == ["jacquard", "dobby"]
            await engine.upgrade("mill", looms("mill", "dobby", "treadle", runtime=runtime), config={"prefix": "new "})
            assert await dobby.weave("silk") == "new dobby(silk)"
            assert sorted(await hooks.pattern()) == ["dobby", "treadle"]
            await engine.load(looms("other", "jacquard", runtime=runtime))
            assert sorted(engine.all(Loom)) == ["dobby", "jacquard", "treadle"]
            await engine.unload("mill")
            assert await hooks.pattern() == ["jacquard"]

    run(main())


def test_one_component_needs_no_name_and_several_do(looms, run):
    async def main():
        async with weft.Engine() as engine:
            await engine.load(looms("mill", "jacquard"))
            assert await engine.use(Loom).weave("wool") == await engine.use(Loom, "mill").weave("wool")
            await engine.load(looms("other", "dobby", "treadle"))
            with pytest.raises(UsageError, match="3 plugins provide loom@1: name one of jacquard, dobby, treadle"):
                engine.use(Loom)
            with pytest.raises(UsageError, match="plugin other has 2 components of loom@1: name one of dobby, treadle"):
                engine.use(Loom, "other")
            with pytest.raises(UsageError, match="there is no plugin 'none'"):
                engine.use(Loom, "none")

    run(main())


@RUNTIMES
def test_an_id_that_another_plugin_has_is_refused_with_both_named_and_nothing_registered(looms, run, runtime):
    async def main():
        async with weft.Engine() as engine:
            await engine.load(looms("first", "jacquard", runtime=runtime))
            with pytest.raises(Conflict, match="plugin second registers 'jacquard' of loom@1, which plugin first"):
                await engine.load(looms("second", "dobby", "jacquard", runtime=runtime))
            assert list(engine.plugins) == ["first"]
            assert list(engine.all(Loom)) == ["jacquard"]
            await engine.unload("first")
            await engine.load(looms("second", "dobby", "jacquard", runtime=runtime))

    run(main())


def test_an_id_is_no_name_of_a_plugin_that_provides_the_contract_itself(looms, run, tmp_path):
    (tmp_path / "dobby.py").write_text(WHOLE)

    async def main():
        async with weft.Engine() as engine:
            await engine.load(tmp_path / "dobby.py")
            with pytest.raises(Conflict, match="plugin mill registers 'dobby' of loom@1, which plugin dobby provides"):
                await engine.load(looms("mill", "dobby"))
            await engine.load(looms("mill", "jacquard"))
            assert [await each.weave("x") for each in engine.all(Loom).values()] == ["whole(x)", "jacquard(x)"]

    run(main())


def test_of_two_that_start_at_once_one_has_the_id(looms, run, tmp_path):
    async def main():
        for name in ("one", "two"):
            looms(name, "jacquard", runtime="process")
        async with weft.Engine(tmp_path / "state") as engine:
            with pytest.raises(LoadFailed, match="registers 'jacquard' of loom@1"):
                await engine.load(tmp_path)
            (there,) = engine.plugins
            assert engine.plugin(there).state == "running"

    run(main())


def test_one_that_fails_stops_no_other(looms, plugin, run, tmp_path):
    async def main():
        looms("good", "jacquard")
        plugin("def InitializePlugin(ctx):\n    raise OSError('no loom here')\n")
        plugin("", name="empty")
        async with weft.Engine() as engine:
            with pytest.raises(LoadFailed) as caught:
                await engine.load(tmp_path)
            assert caught.value.loaded == ("good",)
            assert "InitializePlugin raised OSError: no loom here" in str(caught.value.errors["bad"])
            assert "InitializePlugin: is missing" in str(caught.value)
            assert await engine.use(Loom, "jacquard").weave("wool") == "jacquard(wool)"

    run(main())


REFUSED = {
    "an initializer that exits": (
        "import sys\ndef InitializePlugin(ctx): sys.exit(3)",
        "InitializePlugin raised SystemExit: 3",
    ),
    "an error that is returned": (
        "def InitializePlugin(ctx): return ValueError('no')",
        "InitializePlugin returned ValueError: no",
    ),
    "something else that is returned": ("def InitializePlugin(ctx): return 7", "InitializePlugin returned 7"),
    "an initializer without a parameter": (
        "def InitializePlugin(): ...",
        r"expected a function InitializePlugin\(ctx\)",
    ),
    "an initializer that is made by code": ("InitializePlugin = len('x')", "InitializePlugin is 1, of type int"),
    "metadata that are made by code": (
        "Metadata = len('x')\ndef InitializePlugin(ctx): ...",
        "Metadata is of type int: expected a dict",
    ),
    "one id twice": (
        "def InitializePlugin(ctx):\n  for _ in 'ab': ctx.register_storage_backend('x', dict)",
        "two components of storage@1 as 'x'",
    ),
    "an id that is none": ("def InitializePlugin(ctx): ctx.register('loom', 'a b', dict)", "'a b' is no id"),
    "a factory that is none": ("def InitializePlugin(ctx): ctx.register('loom', 'a', 3)", "its factory is 3"),
    "a contract that is none": ("def InitializePlugin(ctx): ctx.register('#', 'a', dict)", "'#' is no contract"),
    "web pages": ("def InitializePlugin(ctx): ctx.register('web', 'a', dict)", "web pages are no component"),
    "a factory that fails": (
        "def InitializePlugin(ctx): ctx.register_storage_backend('a', lambda config: 1 / 0)",
        "component 'a' of storage@1: its factory raised ZeroDivisionError",
    ),
    "an object that does not fit": (
        "def InitializePlugin(ctx): ctx.register('loom', 'a', lambda config: object())",
        "component 'a' of loom@1: builtins.object does not provide loom@1",
    ),
}


@RUNTIMES
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_named_and_nothing_runs(plugin, run, runtime, what):
    code, message = REFUSED[what]
    block = f'# /// script\n# [tool.weft]\n# runtime = "{runtime}"\n# ///\n'

    async def main():
        async with weft.Engine() as engine:
            with pytest.raises(StartFailed, match=message):
                await engine.load(plugin(f"{block}{code}\n"))
            assert not engine.plugins

    run(main())


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("{'Name': chr(27) + ']0;x'}", "title holds control characters"),
        ("{'Authors': ['Ada', chr(155)]}", "authors holds control characters"),
        ("{'Website': 'x' * 100_000}", "homepage is 100000 characters long"),
    ],
)
def test_metadata_made_by_code_say_no_more_than_a_manifest_may(plugin, run, metadata, message):
    code = LOOMS.format(runtime="process", name="Loom", kinds=["jacquard"]) + f"\nMetadata = {metadata}\n"

    async def main():
        async with weft.Engine() as engine:
            with pytest.raises(weft.PluginError, match=f"says of itself what no manifest may: {message}"):
                await engine.load(plugin(code))
            assert not engine.plugins

    run(main())


@RUNTIMES
def test_a_manifest_names_no_more_than_is_registered(plugin, run, runtime):
    block = f'# /// script\n# [tool.weft]\n# runtime = "{runtime}"\n# provides = ["loom", "task"]\n# ///\n'

    async def main():
        async with weft.Engine() as engine:
            with pytest.raises(StartFailed, match="provides loom@1, task@1; bad:InitializePlugin registers none of it"):
                await engine.load(plugin(f"{block}def InitializePlugin(ctx): ...\n"))

    run(main())


def test_what_was_made_before_a_failure_is_closed(plugin, run):
    code = """
class Loom:
    def stop(self): print("stopped", flush=True)
def InitializePlugin(ctx):
    ctx.register("unknown_contract", "a", lambda config: Loom())
    ctx.register("loom", "b", lambda config: 1 / 0)
"""

    async def main():
        printed = []
        async with weft.Engine(output=lambda _plugin, line: printed.append(line.text)) as engine:
            with pytest.raises(StartFailed, match="component 'b'"):
                await engine.load(plugin(code))
        assert printed == ["stopped"]

    run(main())


@pytest.mark.parametrize(
    ("metadata", "code", "message"),
    [
        ("", "def InitializePlugin(ctx): ...", "Metadata: is missing"),
        ("Metadata = 3\n", "def InitializePlugin(ctx): ...", "Metadata: expected a dict.*found 3"),
        ('Metadata = {"Name": "x"}\n', "InitializePlugin = 'no'", "InitializePlugin: expected a function.*found 'no'"),
        ('Metadata = {"Name": "x"}\n', "", "InitializePlugin: is missing"),
        ('Metadata = {"Name": 3}\n', "def InitializePlugin(ctx): ...", "Metadata.Name: expected text, found 3"),
        ('Metadata = {"Version": ""}\n', "def InitializePlugin(ctx): ...", "Metadata.Version: is empty"),
    ],
)
def test_symbols_that_the_source_shows_to_be_wrong_are_refused_before_anything_runs(
    plugin, run, metadata, code, message
):
    async def main():
        async with weft.Engine() as engine:
            with pytest.raises(ManifestError, match=message):
                await engine.load(plugin(code, metadata=metadata))

    run(main())


SPELLINGS = {
    "a dict": 'Metadata = {"Name": "My Plugin", "Version": "0.1.0", "Authors": ["Jane"], "Website": "https://x.org"}',
    "a dict in lower case": 'metadata = dict(name="My Plugin", version="0.1.0", authors="Jane", website="https://x.org")',
    "upper case": 'METADATA = {"NAME": "My Plugin", "VERSION": "0.1.0", "AUTHORS": ("Jane",), "WEBSITE": "https://x.org"}',
    "a class": 'class Metadata:\n  Name = "My Plugin"\n  Version = "0.1.0"\n  Authors = ["Jane"]\n  Website = "https://x.org"',
    "ours": (
        "from weft.sdk import Metadata as M\n"
        'Metadata = M("My Plugin", version="0.1.0", authors=["Jane"], website="https://x.org")'
    ),
    "made by code": (
        "def made(): return {'Name': 'My Plugin', 'Version': '0.1.0', 'Authors': ['Jane'], 'Website': 'https://x.org'}\n"
        "Metadata = made()"
    ),
    "in part": 'Metadata = {"Name": "My " + "Plugin".strip(), "Version": "0.1.0", "Authors": ["Jane"], "Website": "https://x.org"}',
}


@RUNTIMES
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_metadata_are_read_in_every_spelling(plugin, run, spelling, runtime):
    block = f'# /// script\n# [tool.weft]\n# runtime = "{runtime}"\n# ///\n'
    code = "\ndef initialize_plugin(ctx): ctx.register('other', 'a', lambda config: ctx)\n"

    async def main():
        async with weft.Engine() as engine:
            (loaded,) = await engine.load(plugin(block + SPELLINGS[spelling] + code, metadata="", name="my_plugin"))
            manifest = loaded.manifest
            assert (manifest.name, manifest.title, loaded.version) == ("my_plugin", "My Plugin", "0.1.0")
            assert (manifest.authors, manifest.homepage) == (("Jane",), "https://x.org")

    run(main())


def test_a_plugin_calls_a_component_of_another_with_leave(looms, plugin, run, tmp_path):
    caller = """
# /// script
# [tool.weft]
# provides = ["task"]
# permissions = {{ plugins = {allowed} }}
# ///
import weft
from typing import Protocol
from weft.sdk import context

@weft.contract(name="loom")
class Loom(Protocol):
    async def weave(self, yarn: str) -> str: ...

async def Execute(ctx):
    return await context().use(Loom, "dobby").weave("silk")
"""

    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            await engine.load(looms("mill", "jacquard", "dobby", runtime="process"))
            await engine.load(plugin(caller.format(allowed='["mill"]'), metadata="", name="caller"))
            assert await engine.use(weft.Task, "caller").execute(weft.TaskContext()) == "dobby(silk)"
            await engine.load(plugin(caller.format(allowed="[]"), metadata="", name="stranger"))
            with pytest.raises(weft.PluginError, match="stranger may not call plugin mill"):
                await engine.use(weft.Task, "stranger").execute(weft.TaskContext())

    run(main())


def test_a_task_is_a_component_too(plugin, run):
    code = """
def initialize_plugin(ctx):
    ctx.register("task", "greeting", lambda config: lambda task: "hello " + task.get_value("name"))
"""

    async def main():
        async with weft.Engine() as engine:
            await engine.load(plugin(code))
            assert await engine.use(weft.Task, "greeting").execute(weft.TaskContext({"name": "Ada"})) == "hello Ada"

    run(main())


@RUNTIMES
def test_a_host_without_an_event_loop_uses_components(looms, runtime):
    with weft.sync.Engine(contracts=[PlainLoom]) as engine:
        engine.load(looms("mill", "jacquard", "dobby", runtime=runtime))
        assert engine.use(PlainLoom, "dobby").weave("silk") == "dobby(silk)"
        assert [loom.weave("x") for loom in engine.all(PlainLoom).values()] == ["jacquard(x)", "dobby(x)"]


@RUNTIMES
def test_a_contract_that_is_declared_later_binds_components(looms, run, runtime):
    async def main():
        async with weft.Engine(contracts=[]) as engine:
            await engine.load(looms("mill", "jacquard", "dobby", runtime=runtime))
            assert await engine.use(Loom, "dobby").weave("silk") == "dobby(silk)"

    run(main())
