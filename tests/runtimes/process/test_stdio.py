"""Whatever a plugin does to its standard streams, it arrives under its name or nowhere, and the plugin goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import venv
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from weft.runtimes.process.runtime import ProcessRuntime

LIBRARIES = Path(structlog.__file__).parents[1]


@pytest.fixture
def logging_by(launch, lines):
    """``async with logging_by(way) as lines``: of a plugin that has logged so."""

    @asynccontextmanager
    async def start(way):
        plugin = replace(launch("logs_records", variables={"WAY": way}), helpers=LIBRARIES)
        instance = await ProcessRuntime().start(plugin, lines.append)
        try:
            yield lines
        finally:
            await instance.stop(1)

    return start


def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- records --------------------------------------------------------------------------------------------------------


def test_logged_records_arrive_whole(run, logging_by):
    async def main():
        async with logging_by("extra") as lines:
            await lines.until("failed")
        sold, failed = (line for line in lines if line.logger == "shop.orders")
        assert (sold.level, sold.stream, sold.text) == ("warning", "stderr", "sold 3\nin two lines")
        assert sold.fields == {"order": 17, "tags": ["new", None], "who": {"id": 1.5}}
        assert failed.level == "error"
        assert failed.text.startswith("failed\nTraceback")
        assert failed.text.endswith("ValueError: the cupboard is bare")

    run(main())


def test_what_cannot_be_written_is_shown_and_raises_nothing(run, logging_by):
    async def main():
        async with logging_by("unserialisable") as lines:
            await lines.until("after")
        odd = next(line for line in lines if line.text == "odd")
        assert "Unshowable" in odd.fields["no"]
        assert (odd.fields["inf"], odd.fields["bytes"]) == ("inf", "b'\\xff'")
        assert "Message: 'bad %d'" in lines.text

    run(main())


def test_a_plugin_may_configure_logging_itself(run, logging_by):
    async def main():
        async with logging_by("basic_config") as lines:
            await lines.until("plain")
        assert [(line.level, line.text) for line in lines] == [("warning", "WARNING:shop:plain")]

    run(main())


def test_dictconfig_keeps_what_it_does_not_name(run, logging_by):
    async def main():
        async with logging_by("dict_config") as lines:
            await lines.until("by the root's")
        django, shop = lines
        assert (django.level, django.fields, django.text[-25:]) == ("error", {}, "django by its own handler")
        assert (shop.logger, shop.fields) == ("shop", {"order": 1})

    run(main())


def test_with_a_handler_of_its_own_a_record_comes_once(run, logging_by):
    async def main():
        async with logging_by("own_handler") as lines:
            await lines.until("once")
        assert [(line.stream, line.text) for line in lines] == [("stdout", "once")]

    run(main())


@pytest.mark.parametrize(
    ("way", "level", "text", "fields"),
    [
        ("structlog_default", "warning", "stock is low", {}),
        ("structlog_coloured", "error", "stock is low", {}),
        ("structlog_json", "error", "stock is low\nTraceback", {"item": "ball", "left": [2]}),
        ("structlog_kwargs", "error", "stock is low\nTraceback", {"item": "ball", "left": [2], "level": "error"}),
        ("structlog_formatter", "error", "stock is low\nTraceback", {"item": "ball", "left": [2], "level": "error"}),
    ],
)
def test_structlog(run, logging_by, way, level, text, fields):
    async def main():
        async with logging_by(way) as lines:
            await lines.until("stock is low")
        (line,) = lines
        assert line.level == level
        assert text in line.text
        assert {name: value for name, value in line.fields.items() if name != "timestamp"} == fields

    run(main())


def test_a_burst_of_records_is_kept_whole(run, logging_by):
    async def main():
        async with logging_by("burst") as lines:
            async with asyncio.timeout(20):
                while len(lines) < 10_000:
                    await asyncio.sleep(0.01)
        assert [line.fields["number"] for line in lines] == list(range(10_000))

    run(main())


# --- streams --------------------------------------------------------------------------------------------------------


def count(lines):
    return Counter(line.text for line in lines)


def test_prints_at_every_moment_arrive(run, started, get):
    async def main():
        moments = {"AT_IMPORT": "prints", "AT_END": "prints"}
        async with started("abuses_stdio", variables=moments) as (instance, lines):
            assert await get(instance, b"/prints") == (200, b"done")
        await instance.ended()
        assert count(lines) == {"printed": 3, "to stderr": 3, "written": 3}
        assert {line.stream for line in lines if line.text != "to stderr"} == {"stdout"}

    run(main())


@pytest.mark.parametrize("ends", ["", "[os.close(each) for each in (0, 1, 2)]"])
def test_what_happens_before_any_code_of_ours(run, launch, get, lines, tmp_path, ends):
    venv.create(tmp_path / "venv", symlinks=True)
    (libraries,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (libraries / "early.pth").write_text("import early\n")
    (libraries / "early.py").write_text(f"import os\nprint('from a pth')\nos.write(1, b'\\xff\\n')\n{ends}\n")
    plugin = launch("abuses_stdio", variables={"AT_IMPORT": "prints"})

    async def main():
        instance = await ProcessRuntime().start(
            replace(plugin, interpreter=(str(tmp_path / "venv/bin/python"), "-I")), lines.append
        )
        assert await get(instance, b"/prints") == (200, b"done")
        assert await get(instance) == (200, b"well")
        await instance.stop(1)
        assert (await instance.ended()).how == "exited with code 0"
        assert [line.text for line in lines][:2] == ["from a pth", "\ufffd"]
        assert count(lines)["printed"] == (0 if ends else 2)

    run(main())


@pytest.mark.parametrize("kind", ["binary", "tiny", "threads", "forges", "endless", "children"])
def test_nothing_that_it_prints_disturbs_it(run, started, get, kind):
    async def main():
        async with started("abuses_stdio", variables={"AT_IMPORT": kind}) as (instance, lines):
            assert await get(instance, f"/{kind}".encode()) == (200, b"done")
            assert await get(instance) == (200, b"well")
        assert lines

    run(main())


def test_every_line_of_every_thread_arrives_whole(run, started, get):
    async def main():
        async with started("abuses_stdio") as (instance, lines):
            assert await get(instance, b"/threads") == (200, b"done")
        for word in ("line", "record"):
            expected = {f"thread {number} {word} {each}": 1 for number in range(10) for each in range(200)}
            assert count(line for line in lines if word in line.text) == expected

    run(main())


def test_characters_that_come_byte_by_byte_are_whole(run, started, get):
    async def main():
        async with started("abuses_stdio") as (instance, lines):
            await get(instance, b"/bytewise")
            await lines.until("häß €😀")

    run(main())


def test_a_record_behind_what_has_no_end(run, started, get):
    async def main():
        async with started("abuses_stdio") as (instance, lines):
            await get(instance, b"/unfinished")
            await lines.until("behind what has no end")
        assert [(line.text, line.level) for line in lines] == [("50 %…", "info"), ("behind what has no end", "warning")]

    run(main())


def test_no_record_speaks_for_the_host_or_for_others(run, started, get):
    async def main():
        async with started("abuses_stdio") as (instance, lines):
            await get(instance, b"/forges")
            await lines.until("cleared")
        assert {line.stream for line in lines} == {"stderr"}
        assert [line.level for line in lines] == ["error", "info", "info"]
        assert "host     all is lost" not in str(lines[0]).splitlines()

    run(main())


@pytest.mark.parametrize(
    ("kind", "answer", "words"),
    [
        ("closes", b"[0, 1, 2] lost\nown\n", "logged after all was closed"),
        ("closes_for_good", b"closed", "logged after all was closed"),
        ("replaces", b"into the file\n", "logged after all was replaced"),
        ("forgets", b"done", "logged without stderr"),
    ],
)
def test_a_plugin_that_takes_its_streams_away_still_logs_and_serves(run, started, get, kind, answer, words):
    async def main():
        async with started("abuses_stdio") as (instance, lines):
            assert await get(instance, f"/{kind}".encode()) == (200, answer)
            await lines.until(words)
            for _ in range(3):
                assert (await get(instance, b"/prints"))[0] == 200
                assert await get(instance) == (200, b"well")
        assert (await instance.ended()).how == "exited with code 0"

    run(main())


def test_nothing_of_ours_opens_where_the_plugin_closed_its_streams(run, started, get):
    async def main():
        async with started("abuses_stdio", variables={"AT_IMPORT": "closes_for_good"}) as (instance, lines):
            await lines.until("logged after all was closed")
            for _ in range(3):
                assert await get(instance, b"/prints") == (200, b"OSError 9")
                await instance.ping(5)
            opened = {int(each.name) for each in Path(f"/proc/{instance.pid}/fd").iterdir()}
            assert not opened & {0, 1, 2}

    run(main())


def test_stdin_is_at_its_end(run, started, get):
    async def main():
        async with started("abuses_stdio") as (instance, _):
            assert await get(instance, b"/reads") == (200, b"''")

    run(main())


def test_a_process_that_outlives_the_plugin_holds_nobody_up(run, started, get):
    async def main():
        async with started("abuses_stdio") as (instance, lines):
            pid = int((await get(instance, b"/outlives"))[1])
            await lines.until("still here")
        try:
            async with asyncio.timeout(5):
                assert (await instance.ended()).how == "exited with code 0"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    run(main())


def test_records_through_a_stderr_that_does_not_wait_stay_whole(run, started, get):
    async def main():
        async with started("abuses_stdio") as (instance, lines):
            assert await get(instance, b"/unblocks", timeout=30) == (200, b"done")
            await lines.until("record 299")
        assert [line.text.split()[1] for line in lines] == [str(number) for number in range(300)]

    run(main())


def test_a_gigabyte_is_bounded_and_the_other_instance_answers_and_prints_meanwhile(run, started, get):
    async def main():
        async with started("abuses_stdio") as (flood, lines), started("abuses_stdio") as (other, others):
            before = most = memory()
            flooding = asyncio.create_task(get(flood, b"/gigabyte", timeout=100))
            answers = 0
            while not flooding.done():
                assert await get(other, b"/prints") == (200, b"done")
                answers += 1
                most = max(most, memory())
            assert await flooding == (200, b"done")
            assert answers > 0
            assert most - before < 64 * 1024 * 1024
            assert await get(flood) == (200, b"well")
        assert count(others) == dict.fromkeys(("printed", "to stderr", "written"), answers)
        kept = sum(len(line.text) for line in lines)
        dropped = [line for line in lines if line.stream == "host"]
        assert kept < 32 * 1024 * 1024
        assert dropped
        assert all("were dropped" in line.text for line in dropped)

    run(main())
