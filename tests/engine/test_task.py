"""Tasks by ``engine.use(weft.Task)``: the same line, and the same answers, in every runtime."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from dataclasses import dataclass
from textwrap import dedent
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import weft
import weft.sync
from weft.contracts.declare import contract_of, declared
from weft.contracts.task_context import MOST_VALUES
from weft.errors import (
    ContractMismatch,
    DeadlineExceeded,
    EnvironmentFailed,
    LoadFailed,
    PluginError,
    TaskCancelled,
    UsageError,
    WrongArgument,
    WrongResult,
)

RUNTIMES = ["inline", "process"]
HOWS = ["def", "async def"]
SHARED = """
from dataclasses import dataclass
from enum import Enum

class Colour(Enum):
    RED = 1

@dataclass
class Item:
    name: str
    colour: Colour = Colour.RED
"""


@pytest.fixture(params=RUNTIMES)
def runtime(request):
    return request.param


@pytest.fixture(params=HOWS)
def how(request):
    return request.param


@pytest.fixture
def plugin(tmp_path, runtime):
    """``plugin(source, name="sample")``: a folder with that module, and a manifest that says nothing of contracts."""

    def write(source, name="sample", **manifest):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}_code.py").write_text(dedent(source))
        lines = {"name": name, "version": "1.0.0", "runtime": runtime, **manifest}
        seen = f"write: [{tmp_path}]"  # where these tests see how far it has come
        lines["permissions"] = f"{{{seen}, {manifest.get('permissions', '{}')[1:]}"
        (folder / "plugin.yaml").write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
        return folder

    return write


@pytest.fixture
def using(tmp_path, run):
    """``using(folder, work)``: runs ``await work(task)`` with the task of the plugin in that folder."""

    def use(folder, work, **options):
        async def main():
            async with weft.Engine(tmp_path / "state", **options) as engine:
                await engine.load(folder)
                return await work(engine.use(weft.Task))

        return run(main())

    return use


def eventually(path):
    """The text of a file that a plugin writes, once it is there."""

    async def wait():
        async with asyncio.timeout(15):
            while not path.exists() or not (text := path.read_text()):
                await asyncio.sleep(0.005)
        return text

    return wait()


@pytest.mark.parametrize(
    "form",
    [
        "{how} Execute(ctx):\n    {body}",
        "class Execute:\n    {how} execute(self, ctx):\n        {body}",
        "class Execute:\n    {how} Execute(self, ctx):\n        {body}",
        "class It:\n    {how} execute(self, ctx):\n        {body}\nExecute = It()",
        "class It:\n    {how} __call__(self, ctx):\n        {body}\nExecute = It()",
        "import functools\n{how} it(extra, ctx):\n    {body}\nExecute = functools.partial(it, 1)",
    ],
)
def test_an_entry_that_is_execute_is_a_task(plugin, using, how, form):
    body = "ctx.set_value('seen', ctx.get_value('id')); return {'doubled': 2 * ctx.get_value('id')}"

    async def work(task):
        context = weft.TaskContext({"id": 21})
        assert await task.execute(context) == {"doubled": 42}
        assert context.values == {"id": 21, "seen": 21}

    using(plugin(form.format(how=how, body=body)), work)


@pytest.mark.parametrize("provides", ["[task]", '["task@1"]'])
def test_a_manifest_may_say_it_of_any_entry(plugin, using, how, provides):
    source = f"""
    class Plugin:
        def __init__(self, context):
            self.name = context.name
        {how} execute(self, ctx):
            return self.name
    """

    async def work(task):
        assert await task.execute(weft.TaskContext()) == "sample"

    using(plugin(source, provides=provides), work)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "class Plugin:\n    def run(self, ctx): ...",
            r"a Plugin does not provide task@1: expected a function Execute",
        ),
        ("def Execute(): ...", r"the contract task@1 says execute\(ctx\), the plugin has Execute\(\)"),
        ("def Execute(ctx, more): ...", r"the plugin has Execute\(ctx, more\)"),
        ("Execute = 7", "a int does not provide task@1"),
    ],
)
def test_what_is_no_task_is_refused(plugin, using, source, why):
    async def work(_): ...

    with pytest.raises((ContractMismatch, LoadFailed), match=why):
        using(plugin(source, provides="[task]"), work)


def test_inline_the_context_itself_is_handed_over(plugin, using, runtime, how):
    source = f"""
    {how} Execute(ctx):
        ctx.set_value("id", id(ctx))
    """

    async def work(task):
        context = weft.TaskContext()
        await task.execute(context)
        assert (context.get_value("id") == id(context)) is (runtime == "inline")

    using(plugin(source), work)


def test_what_a_task_set_before_it_failed_is_seen(plugin, using, how):
    source = f"""
    {how} Execute(ctx):
        ctx.set_value("step", 1)
        ctx.set_value("step", 2)
        raise LookupError("no such thing")
    """

    async def work(task):
        context = weft.TaskContext({"step": 0})
        with pytest.raises(PluginError, match="plugin sample 1.0.0: LookupError: no such thing") as caught:
            await task.execute(context)
        assert 'raise LookupError("no such thing")' in caught.value.traceback
        assert context.get_value("step") == 2
        assert context.err is None

    using(plugin(source), work)


def test_what_a_task_sets_is_seen_while_it_runs(plugin, using, how, tmp_path):
    wait = "await asyncio.sleep(0.005)" if how == "async def" else "time.sleep(0.005)"
    source = f"""
    import asyncio, os, time
    {how} Execute(ctx):
        ctx.set_value("progress", 0.5)
        while not os.path.exists(ctx.get_value("gate")):
            {wait}
        return ctx.get_value("progress")
    """

    async def work(task):
        context = weft.TaskContext({"gate": str(tmp_path / "gate")})
        running = asyncio.create_task(task.execute(context))
        while context.get_value("progress") != 0.5:
            await asyncio.sleep(0.005)
        (tmp_path / "gate").touch()
        assert await running == 0.5

    using(plugin(source), work)


UNTIL_DONE = {
    "def": """
    def Execute(ctx):
        ctx.set_value("deadline", ctx.deadline)
        ctx.done.wait()
        with open(ctx.get_value("file"), "w") as file:
            file.write(f"{type(ctx.err).__name__} {ctx.cancelled} {ctx.done.is_set()}")
    """,
    "async def": """
    import asyncio
    async def Execute(ctx):
        ctx.set_value("deadline", ctx.deadline)
        try:
            await asyncio.Event().wait()
        finally:
            with open(ctx.get_value("file"), "w") as file:
                file.write(f"{type(ctx.err).__name__} {ctx.cancelled} {ctx.done.is_set()}")
    """,
}


def test_a_deadline_reaches_the_task(plugin, using, how, tmp_path):
    async def work(task):
        context = weft.TaskContext({"file": str(tmp_path / "ended")})
        with pytest.raises(DeadlineExceeded), weft.deadline(0.3):
            await task.execute(context)
        assert await eventually(tmp_path / "ended") == "DeadlineExceeded False True"
        assert isinstance(context.err, DeadlineExceeded)
        assert abs((context.get_value("deadline") - context.deadline).total_seconds()) < 5

    using(plugin(UNTIL_DONE[how]), work)


def test_the_limit_of_calls_reaches_the_task(plugin, using, runtime, how, tmp_path):
    if runtime == "inline":
        pytest.skip("inline calls carry no timer of their own")

    async def work(task):
        context = weft.TaskContext({"file": str(tmp_path / "ended")})
        with pytest.raises(DeadlineExceeded, match="sample"):
            await task.execute(context)
        assert await eventually(tmp_path / "ended") == "DeadlineExceeded False True"

    using(plugin(UNTIL_DONE[how], limits="{call: 300ms}"), work)


def test_cancelling_the_caller_cancels_the_task(plugin, using, how, tmp_path):
    async def work(task):
        context = weft.TaskContext({"file": str(tmp_path / "ended")})
        calling = asyncio.create_task(task.execute(context))
        while "deadline" not in context.values:
            await asyncio.sleep(0.005)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert await eventually(tmp_path / "ended") == "TaskCancelled True True"
        assert context.cancelled

    using(plugin(UNTIL_DONE[how]), work)


def test_cancelling_the_context_cancels_the_task(plugin, using, how, tmp_path):
    async def work(task):
        context = weft.TaskContext({"file": str(tmp_path / "ended")})
        calling = asyncio.create_task(task.execute(context))
        while "deadline" not in context.values:
            await asyncio.sleep(0.005)
        await asyncio.to_thread(context.cancel)
        with pytest.raises(TaskCancelled):
            await calling
        assert await eventually(tmp_path / "ended") == "TaskCancelled True True"
        with pytest.raises(UsageError, match=r"is done \(the task was cancelled\): make a new one"):
            await task.execute(context)

    using(plugin(UNTIL_DONE[how]), work)


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False),
        st.text(),
        st.binary(),
        st.datetimes(),
        st.uuids(),
        st.decimals(allow_nan=False),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3), st.tuples(inner)
    ),
    max_leaves=6,
)


def test_values_of_every_type_go_and_come_back(plugin, using, how):
    source = f"""
    {how} Execute(ctx):
        ctx.set_value("back", ctx.get_value("value"))
        return ctx.get_value("value")
    """
    folder = plugin(source)

    async def work(task):
        loop = asyncio.get_running_loop()

        @settings(max_examples=40, suppress_health_check=list(HealthCheck))
        @given(VALUES)
        def holds(value):
            context = weft.TaskContext({"value": value})
            result = asyncio.run_coroutine_threadsafe(task.execute(context), loop).result(30)
            assert (result, context.get_value("back")) == (value, value)
            assert type(result) is type(context.get_value("back")) is type(value)

        await asyncio.to_thread(holds)

    using(folder, work)


def test_what_cannot_cross_is_refused_in_the_plugin_too(plugin, using, how):
    source = f"""
    {how} Execute(ctx):
        ctx.set_value("  ", object())
        try:
            ctx.set_value("image", [object()])
        except TypeError as error:
            return str(error)
    """

    async def work(task):
        context = weft.TaskContext()
        refusal = await task.execute(context)
        assert refusal == "value 'image' of a task cannot cross: [0]: expected a type that can cross, found object"
        assert context.values == {}

    using(plugin(source), work)


def test_a_result_that_cannot_cross_is_the_plugins_fault(plugin, using, runtime, how):
    if runtime == "inline":
        pytest.skip("inline calls hand values over as they are")
    source = f"{how} Execute(ctx): return [object()]"

    async def work(task):
        with pytest.raises(WrongResult, match=r"sample .*task.execute returned what cannot cross: \[0\]: .* object"):
            await task.execute(weft.TaskContext())

    using(plugin(source), work)


def test_a_wrong_argument_names_what_was_expected(plugin, using):
    async def work(task):
        with pytest.raises(WrongArgument, match=r"task.execute: context: expected a TaskContext, found dict"):
            await task.execute({"id": 7})
        with pytest.raises(TypeError):
            await task.execute()

    using(plugin("def Execute(ctx): ..."), work)


def test_a_dataclass_arrives_as_its_class_and_comes_back_as_it(plugin, using, tmp_path, importable, how):
    for place in (tmp_path, tmp_path / "sample"):
        place.mkdir(exist_ok=True)
    (tmp_path / "shared_items.py").write_text(SHARED)
    importable(tmp_path)
    import shared_items

    folder = tmp_path / "lib"
    folder.mkdir()
    (folder / "shared_items.py").write_text(SHARED)
    source = f"""
    import sys
    sys.path.insert(0, {str(folder)!r})
    {how} Execute(ctx):
        from shared_items import Colour, Item
        item = ctx.get_value("item")
        ctx.set_value("new", Item("made", Colour.RED))
        ctx.set_value("unknown", type(ctx.get_value("local")).__name__)
        return [isinstance(item, Item), item.colour is Colour.RED, item]
    """

    @dataclass
    class Local:
        x: int

    (tmp_path / "sample").rmdir()

    async def work(task):
        item = shared_items.Item("x")
        context = weft.TaskContext({"item": item, "local": Local(1)})
        is_item, is_red, back = await task.execute(context)
        assert (is_item, is_red, back) == (True, True, item)
        assert context.get_value("new") == shared_items.Item("made")
        assert context.get_value("unknown") in ("dict", "Local")

    try:
        using(plugin(source), work)
    finally:
        del sys.modules["shared_items"]
        if str(folder) in sys.path:
            sys.path.remove(str(folder))


def test_many_at_once_keep_their_values_apart(plugin, using, how):
    source = f"""
    {how} Execute(ctx):
        for step in range(20):
            ctx.set_value("sum", (ctx.get_value("sum") or 0) + ctx.get_value("id"))
        return ctx.get_value("id")
    """

    async def work(task):
        contexts = [weft.TaskContext({"id": number}) for number in range(60)]
        assert await asyncio.gather(*map(task.execute, contexts)) == list(range(60))
        assert [context.get_value("sum") for context in contexts] == [20 * number for number in range(60)]

    using(plugin(source), work)


def test_a_task_sets_more_than_a_window_holds(plugin, using, how):
    source = f"""
    {how} Execute(ctx):
        for step in range(300):
            ctx.set_value(str(step), bytes(10_000))
        ctx.set_value("one", bytes(3_000_000))
    """

    async def work(task):
        context = weft.TaskContext()
        await task.execute(context)
        assert (len(context.values), len(context.get_value("one"))) == (301, 3_000_000)

    using(plugin(source), work)


def test_a_task_that_sets_without_end_is_stopped(plugin, using, how):
    source = f"""
    {how} Execute(ctx):
        for step in range({MOST_VALUES + 1}):
            ctx.set_value(str(step), step)
    """

    async def work(task):
        context = weft.TaskContext({"mine": 1})
        with pytest.raises(weft.WeftError, match="at most 10,000 values"):
            await task.execute(context)

    using(plugin(source), work)


@pytest.mark.parametrize("raised", ["SystemExit(3)", "StopAsyncIteration()", "BaseException('odd')"])
def test_whatever_a_task_raises_ends_that_task_alone(plugin, using, how, raised):
    source = f"""
    {how} Execute(ctx):
        if ctx.get_value("odd"):
            raise {raised}
        return "well"
    """

    async def work(task):
        with pytest.raises(PluginError) as caught:
            await task.execute(weft.TaskContext({"odd": True}))
        assert caught.value.type_name == raised.partition("(")[0]
        assert await task.execute(weft.TaskContext()) == "well"

    using(plugin(source), work)


def test_the_synchronous_door_has_the_same_line(plugin, how, tmp_path):
    source = f"""
    {how} Execute(ctx):
        ctx.set_value("seen", ctx.get_value("id"))
        return ctx.get_value("id") + 1
    """
    waits = plugin(UNTIL_DONE[how], "waits")
    with weft.sync.Engine(tmp_path / "state") as engine:
        engine.load(plugin(source))
        engine.load(waits)
        context = weft.TaskContext({"id": 7})
        assert engine.use(weft.sync.Task, "sample").execute(context) == 8
        assert context.get_value("seen") == 7
        slow = engine.use(weft.sync.Task, "waits")
        with pytest.raises(DeadlineExceeded), weft.deadline(0.2):
            slow.execute(weft.TaskContext({"file": str(tmp_path / "one")}))
        context = weft.TaskContext({"file": str(tmp_path / "two")})
        threading.Timer(0.1, context.cancel).start()
        with pytest.raises(TaskCancelled):
            slow.execute(context)
        with pytest.raises(UsageError, match="async def"):
            engine.use(weft.Task, "sample")


def test_a_task_may_be_another_plugins(plugin, using, run, tmp_path, how):
    caller = """
    import weft
    from weft.sdk import context as own
    async def Execute(ctx):
        inner = weft.TaskContext({"id": ctx.get_value("id")})
        result = await own().use(weft.Task, "inner").execute(inner)
        return [result, inner.get_value("seen")]
    """
    inner = f"""
    {how} Execute(ctx):
        ctx.set_value("seen", True)
        return ctx.get_value("id") + 1
    """
    folders = [plugin(inner, "inner"), plugin(caller, "outer", permissions="{plugins: [inner]}")]

    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            for folder in folders:
                await engine.load(folder)
            assert await engine.use(weft.Task, "outer").execute(weft.TaskContext({"id": 1})) == [2, True]

    run(main())


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_a_task_runs_on_other_pythons(plugin, using, runtime, how, version):
    if runtime == "inline":
        pytest.skip("inline plugins run on the host's interpreter")
    source = f"""
    import sys
    from dataclasses import dataclass
    {how} Execute(ctx):
        ctx.set_value("python", list(sys.version_info[:2]))
        ctx.set_value("left", ctx.time_left())
        return {{ctx.get_value("id"), ctx.deadline}}
    """

    async def work(task):
        context = weft.TaskContext({"id": 7})
        with weft.deadline(30):
            result = await task.execute(context)
        assert 7 in result
        assert context.get_value("python") == [int(part) for part in version.split(".")]
        assert 0 < context.get_value("left") <= 30

    folder = plugin(source, requires=f'{{python: "=={version}.*"}}')
    try:
        using(folder, work)
    except EnvironmentFailed as error:
        pytest.skip(f"no Python {version} here: {error}")


@pytest.fixture
def _forgotten():
    """A contract is declared for as long as its class is there, and a class is there until it is collected."""
    yield
    gc.collect()
    assert [each.describe() for each in declared("task")] == [contract_of(weft.Task).describe()]


@pytest.mark.usefixtures("_forgotten")
def test_a_host_may_have_a_contract_of_its_own_of_that_name(plugin, tmp_path, run):
    @weft.contract(name="task")
    class Own(Protocol):
        async def execute(self, number: int) -> int: ...

    folder = plugin("class Plugin:\n    def execute(self, number: int) -> int: return number + 1", provides="[task]")

    async def main():
        async with weft.Engine(tmp_path / "state", contracts=[Own]) as engine:
            await engine.load(folder)
            assert await engine.use(Own).execute(1) == 2
            with pytest.raises(UsageError, match="two different contracts are called task@1"):
                engine.use(weft.Task)

    run(main())
