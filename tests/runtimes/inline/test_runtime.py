"""Starting, serving and stopping a plugin in the host's own interpreter, and what every way of failing says."""

from __future__ import annotations

import asyncio
import contextlib
import linecache
import threading
from pathlib import Path

import pytest

from weft.errors import InstanceLost, StartFailed, Unavailable
from weft.runtimes.inline.runtime import InlineRuntime

HELLO = """
def answer(path):
    return "hello " + path
"""


def test_a_plugin_starts_serves_and_stops(run, folder, started, get, tmp_path):
    async def main():
        async with started(folder("a", {"hello.py": HELLO})) as instance:
            facts = instance.facts
            assert (facts.entry, facts.provides, facts.kind) == ("hello:app", ("web@1",), "asgi")
            assert await get(instance, b"/x") == "hello /x"
            assert (instance.pid, instance.usage()) == (None, {})
            await instance.ping(0.001)
            await instance.drained()
            assert (tmp_path / "data" / "shop").is_dir()
            ended = asyncio.create_task(instance.ended())
            await asyncio.sleep(0)
            assert not ended.done()
        assert str(await ended) == "was stopped"
        assert instance.channel.closed
        with pytest.raises(Unavailable):
            await get(instance)
        await instance.stop(1)

    run(main())


def test_a_single_file_is_a_plugin_and_nothing_beside_it(run, folder, started, get):
    files = {"hello.py": "try:\n    import other\nexcept ImportError:\n    other = None\n" + HELLO, "other.py": ""}

    async def main():
        async with started(folder("a", files) / "hello.py") as instance:
            assert await get(instance) == "hello /"

    run(main())


class Streamed:
    """The receiver of an answer that comes in items."""

    def __init__(self):
        self.items = []
        self.over = asyncio.get_running_loop().create_future()

    def on_item(self, item, _size):
        self.items.append(item)

    def on_result(self, _value):
        self.over.set_result(self.items)

    def on_error(self, error):
        self.over.set_exception(error)

    def on_credit(self):
        pass


def test_a_wsgi_application_and_glooms_shape_are_served(run, folder, started, get):
    wsgi = """
        def app(environ, start_response):
            start_response("200 OK", [])
            return [b"by wsgi"]
        """
    gloom = """
        class Plugin:
            def init(self): ...
            def name(self): return "Own name"
            def register_routes(self, router): router.get("/", lambda request: "by gloom")
        """

    async def main():
        async with started(folder("g", {"shape.py": gloom}), name="g") as by_gloom:
            assert (by_gloom.facts.kind, by_gloom.facts.own_name) == ("gloom", "Own name")
            assert await get(by_gloom) == "by gloom"
        async with started(folder("w", {"old.py": wsgi}), name="w") as by_wsgi:
            assert by_wsgi.facts.kind == "wsgi"
            answer = Streamed()
            by_wsgi.channel.open("web.request", ["GET", b"/", [], "http", "1.1", None, None, b""], answer)
            assert (await answer.over)[0][0] == 200
            assert b"".join(answer.items[1:]) == b"by wsgi"

    run(main())


CANCELS = """
import asyncio
class Plugin:
    init = register_routes = print
    def __init__(self):
        raise asyncio.CancelledError
"""
FAILURES = {
    "syntax": ("def broken(:", "SyntaxError", "invalid syntax", "shop_a.py"),
    "missing package": ("import surely_not_there", "ModuleNotFoundError", "requires.packages", "import surely_not_"),
    "raises": ("def f(): raise ValueError('bare')\nf()", "ValueError", "bare", "in f"),
    "own exception": ("class Bare(Exception): ...\nraise Bare('cupboard')", "shop_a.Bare", "cupboard", "raise Bare"),
    "exits": ("import sys\nsys.exit(3)", "SystemExit", "called sys.exit(3)", "sys.exit(3)"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt", "", "raise KeyboardInterrupt"),
    "cancels": ("import asyncio\nraise asyncio.CancelledError", "asyncio.exceptions.CancelledError", "", "raise async"),
    "stops": ("raise StopIteration(1)", "StopIteration", "1", "raise StopIteration"),
    "no application": ("x = 1", "", "expected an ASGI or WSGI application", ""),
    "exits in init": (
        "class Plugin:\n    def init(self): raise SystemExit('enough')\n    def register_routes(self, router): ...",
        "SystemExit", "called sys.exit('enough')", "raise SystemExit",
    ),
    "interrupts in init": (
        "class Plugin:\n    def init(self): raise KeyboardInterrupt\n    def register_routes(self, router): ...",
        "KeyboardInterrupt", "", "raise KeyboardInterrupt",
    ),
    "cancels in its constructor": (
        CANCELS,
        "asyncio.exceptions.CancelledError", "", "in __init__",
    ),
    "lifespan": (
        "async def app(scope, receive, send):\n    await send({'type': 'lifespan.startup.failed', 'message': 'no db'})",
        "", "no db", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_every_failure_to_start_says_why_and_leaves_nothing(run, folder, launch, runtime, case, tmp_path):
    text, type_name, message, traceback = FAILURES[case]

    async def main():
        with pytest.raises(StartFailed) as caught:
            await runtime.start(launch(folder("a", {"shop_a.py": text})), print)
        error = caught.value
        assert (error.plugin, error.version, error.type_name) == ("shop", "1.0", type_name)
        assert message in error.message
        assert traceback in error.traceback
        assert "weft/" not in error.traceback
        assert "importlib" not in error.traceback
        assert error.__context__ is None
        assert not [each for each in linecache.cache if str(tmp_path) in each]

    run(main())


def test_a_traceback_through_several_modules_shows_the_plugins_frames_alone(run, folder, launch, runtime):
    files = {
        "outer/__init__.py": "from outer import middle",
        "outer/middle.py": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    from .inner import nothing",
        "outer/inner.py": "raise LookupError('here')",
    }

    async def main():
        with pytest.raises(StartFailed) as caught:
            await runtime.start(launch(folder("a", files), "outer:app"), print)
        lines = [line for line in caught.value.traceback.splitlines() if line.startswith("  File")]
        assert [Path(line.split('"')[1]).name for line in lines] == [
            "middle.py", "__init__.py", "middle.py", "inner.py",
        ]  # fmt: skip

    run(main())


def test_what_the_system_refuses_is_a_failed_start(run, folder, launch, runtime):
    async def main():
        asked = launch(folder("shop-1", {"a.py": "def answer(path): ..."}))
        asked.data_dir.parent.mkdir(parents=True, exist_ok=True)
        asked.data_dir.write_text("a file where its folder was to be")
        with pytest.raises(StartFailed, match="the host could not start it: .*File exists") as caught:
            await runtime.start(asked, print)
        assert caught.value.plugin == "shop"

    run(main())


@pytest.mark.parametrize(
    ("options", "files", "text"),
    [
        ({"variables": {"KEY": "x"}}, {"a.py": ""}, r"environment variables \(KEY\) .* hand them over in config"),
        ({}, {"a.py": "", "b.py": ""}, "not exactly one top-level module in .*: name one with entry"),
        ({"entry": "a:other"}, {"a.py": ""}, "module a has no attribute 'other'"),
    ],
)
def test_what_cannot_be_started_inline_says_so(run, folder, launch, runtime, options, files, text):
    async def main():
        with pytest.raises(StartFailed, match=text):
            await runtime.start(launch(folder("p", files), **options), print)

    run(main())


def test_an_import_that_hangs_ends_at_the_startup_limit_and_shows_where(run, folder, launch, runtime, started, get):
    """The thread is left to itself; when it wakes, its next import fails, and the plugin can be started meanwhile."""
    hangs = """
        import threading
        gate = threading.Event()
        threading.current_thread().gate = gate
        gate.wait()
        import shop_b
        """

    async def main():
        first = folder("a", {"shop_a.py": hangs, "shop_b.py": "woken = True"})
        reason = r"was not ready within .* s \(limits\.startup\): .* raise limits\.startup"
        with pytest.raises(StartFailed, match=reason) as caught:
            await runtime.start(launch(first, "shop_a:app", startup=0.3), print)
        assert "gate.wait()" in caught.value.traceback
        async with started(folder("b", {"shop_a.py": HELLO})) as instance:
            (thread,) = [each for each in threading.enumerate() if hasattr(each, "gate")]
            thread.gate.set()
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()
            assert await get(instance) == "hello /"

    run(main())


def test_a_start_that_never_ends_by_itself_ends_at_the_limit(run, folder, launch, runtime):
    never = "import asyncio\nasync def app(scope, receive, send):\n    await asyncio.Event().wait()"

    async def main():
        with pytest.raises(StartFailed, match="was not ready within"):
            await runtime.start(launch(folder("a", {"never.py": never}), startup=0.2), print)

    run(main())


def test_an_init_that_blocks_ends_at_the_limit_and_the_host_goes_on_meanwhile(run, folder, launch, runtime):
    waits = """
        import threading
        class Plugin:
            def init(self):
                threading.current_thread().gate = gate = threading.Event()
                gate.wait()
            def register_routes(self, router): ...
        """

    async def main():
        starting = asyncio.create_task(runtime.start(launch(folder("a", {"waits.py": waits}), startup=0.5), print))
        while not (found := [each for each in threading.enumerate() if hasattr(each, "gate")]):
            await asyncio.sleep(0.001)
        with pytest.raises(StartFailed, match="was not ready within"):
            await starting
        found[0].gate.set()
        await asyncio.to_thread(found[0].join, 10)
        assert not found[0].is_alive()

    run(main())


def test_a_cancelled_start_leaves_nothing(run, folder, launch, runtime):
    waits = "import threading\nthreading.current_thread().gate = gate = threading.Event()\ngate.wait()"

    async def main():
        starting = asyncio.create_task(runtime.start(launch(folder("a", {"waits.py": waits})), print))
        while not (found := [each for each in threading.enumerate() if hasattr(each, "gate")]):
            await asyncio.sleep(0.001)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        found[0].gate.set()
        await asyncio.to_thread(found[0].join, 10)

    run(main())


def test_a_slow_import_does_not_block_the_loop(run, folder, started):
    """It goes on only when the loop has let another task run meanwhile."""
    waits = (
        "import threading\nthreading.current_thread().gate = gate = threading.Event()\nassert gate.wait(20)\n" + HELLO
    )

    async def opens():
        while not (found := [each for each in threading.enumerate() if hasattr(each, "gate")]):
            await asyncio.sleep(0.001)
        found[0].gate.set()

    async def main():
        opening = asyncio.create_task(opens())
        async with started(folder("a", {"waits.py": waits})):
            await opening

    run(main())


STOPS = {
    "raises": "raise ValueError('bad end')",
    "hangs": "import asyncio; await asyncio.Event().wait()",
}


@pytest.mark.parametrize("how", STOPS)
def test_a_plugin_that_does_not_stop_is_stopped_within_the_grace(run, folder, launch, runtime, how, caplog):
    text = f"""
        async def app(scope, receive, send):
            await receive()
            await send({{"type": "lifespan.startup.complete"}})
            await receive()
            {STOPS[how]}
        """

    async def main():
        instance = await runtime.start(launch(folder("a", {"stubborn.py": text})), print)
        await instance.stop(0.1)
        assert str(await instance.ended()) == "was stopped"

    run(main())


def test_calls_in_flight_are_waited_for_failed_and_ended(run, folder, started, get):
    waits = """
        import asyncio
        async def app(scope, receive, send):
            assert scope["type"] == "http"
            while (await receive())["type"] != "http.disconnect":
                pass
        """

    async def main():
        async with started(folder("a", {"waits.py": waits})) as instance:
            calls = [asyncio.create_task(get(instance)) for _ in range(2)]
            draining = asyncio.create_task(instance.drained())
            await asyncio.sleep(0)
            assert instance.channel.in_flight == 2
            assert not draining.done()
            instance.fail(InstanceLost("enough"))
            await draining
        for call in calls:
            with contextlib.suppress(InstanceLost):
                await call

    run(main())


def test_several_instances_have_modules_of_their_own(run, folder, launch, runtime, get):
    counts = "count = 0\ndef answer(path):\n    global count\n    count += 1\n    return count\n"

    async def main():
        where = folder("a", {"counts.py": counts})
        both = await asyncio.gather(*(runtime.start(launch(where), print) for _ in range(2)))
        assert [await get(each) for each in (*both, both[0])] == ["1", "1", "2"]
        for each in both:
            await each.stop(1)

    run(main())


def test_an_installed_plugins_modules_are_the_hosts_own(run, folder, started, get, importable):
    import sys

    where = folder("site", {"brought.py": HELLO})
    importable(where)
    before = set(sys.path_importer_cache)

    async def main():
        async with started(where, "brought:app", runtime=InlineRuntime(installed=True)) as instance:
            assert await get(instance) == "hello /"
            assert sys.modules["brought"].app
        return sys.modules.pop("brought")

    assert run(main()).__spec__.loader.name == "brought"
    for path in set(sys.path_importer_cache) - before:
        del sys.path_importer_cache[path]
