import asyncio
from dataclasses import replace

import pytest

from weft.server import logs as module
from weft.server.logs import Logs
from weft.types import OutputLine


def line(text, level="info", time=1.0):
    return OutputLine(time, level, text, "stdout")


def test_lines_come_back_in_order_by_level_and_tail(tmp_path, run):
    async def main():
        logs = Logs(tmp_path, bytes_each=100_000)
        for number in range(10):
            logs.accept("shop", line(str(number), "error" if number % 3 == 0 else "info"))
        logs.accept("other", line("elsewhere"))
        assert [each.text for each in await logs.read("shop")] == [str(n) for n in range(10)]
        assert [each.text for each in await logs.read("shop", tail=2)] == ["8", "9"]
        assert [each.text for each in await logs.read("shop", level="error")] == ["0", "3", "6", "9"]
        assert await logs.read("shop", tail=0) == []
        assert await logs.read("nobody") == []

    run(main())


def test_another_server_reads_them(tmp_path, run):
    async def write():
        logs = Logs(tmp_path, bytes_each=100_000)
        logs.accept("shop", line("hello", time=2.5))
        await logs.flush()

    async def read():
        assert await Logs(tmp_path, bytes_each=100_000).read("shop") == [line("hello", time=2.5)]

    run(write())
    run(read())


def test_files_without_fields_are_read(tmp_path, run):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "00000001.jsonl").write_text('{"time":1.0,"level":"info","text":"old","stream":"stdout"}\n')

    async def main():
        logs = Logs(tmp_path, bytes_each=100_000)
        new = OutputLine(2.0, "error", "new", "stderr", {"order": 17, "who": ["a", None]}, "shop")
        logs.accept("shop", new)
        assert await logs.read("shop") == [line("old"), new]

    run(main())


def test_the_disk_is_bounded_and_the_newest_stay(tmp_path, run):
    async def main():
        logs = Logs(tmp_path, bytes_each=16_000)
        for number in range(2_000):
            logs.accept("shop", line(f"{number:05d} {'x' * 50}"))
            if number % 100 == 0:
                await logs.flush()
        kept = await logs.read("shop")
        assert kept[-1].text.startswith("01999")
        assert len(kept) > 50
        assert sum(path.stat().st_size for path in (tmp_path / "shop").iterdir()) <= 16_000

    run(main())


def test_what_comes_too_fast_is_counted(tmp_path, run, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING", 5)

    async def main():
        logs = Logs(tmp_path, bytes_each=100_000)
        for number in range(8):
            logs.accept("shop", line(str(number)))
        logs.accept("other", line("there is room for others"))
        noted = (await logs.read("shop"))[-1]
        assert noted.text.startswith("3 lines are missing here")
        assert noted.stream == "host"
        assert await logs.read("other") == [line("there is room for others")]

    run(main())


@pytest.mark.parametrize("text", ["x" * 100_000, "ä" * 50_000, "\ud800" * 9000])
def test_long_lines_are_cut(tmp_path, run, text):
    async def main():
        logs = Logs(tmp_path, bytes_each=100_000)
        logs.accept("shop", replace(line(text), fields={"order": 17}))
        (kept,) = await logs.read("shop")
        assert kept.fields == {"order": 17}
        assert len(kept.text.encode()) <= 8 * 1024 + 3

    run(main())


def test_a_line_cut_by_a_crash_is_left_out(tmp_path, run):
    async def main():
        logs = Logs(tmp_path, bytes_each=100_000)
        logs.accept("shop", line("whole"))
        await logs.flush()
        with next((tmp_path / "shop").iterdir()).open("ab") as file:
            file.write(b'{"time": 1.0, "le')
        assert [each.text for each in await logs.read("shop")] == ["whole"]

    run(main())


def test_following_gives_what_was_and_what_comes(tmp_path, run):
    async def main():
        logs = Logs(tmp_path, bytes_each=100_000)
        writer = asyncio.create_task(logs.run())
        logs.accept("shop", line("before"))
        stream = logs.follow("shop", level="info")
        assert (await anext(stream)).text == "before"
        following = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        logs.accept("shop", line("noise", "debug"))
        logs.accept("other", line("elsewhere"))
        logs.accept("shop", line("after"))
        assert (await following).text == "after"
        await stream.aclose()
        writer.cancel()

    run(main())


def test_a_full_disk_loses_lines_and_nothing_else(tmp_path, run, capsys):
    async def main():
        (tmp_path / "shop").write_text("in the way")
        logs = Logs(tmp_path, bytes_each=100_000)
        logs.accept("shop", line("lost"))
        logs.accept("other", line("kept"))
        await logs.flush()
        assert [each.text for each in await logs.read("other")] == ["kept"]

    run(main())
    assert "plugin output is lost" in capsys.readouterr().out


def test_removing_deletes_the_folder(tmp_path, run):
    async def main():
        logs = Logs(tmp_path, bytes_each=100_000)
        logs.accept("shop", line("hello"))
        await logs.remove("shop")
        await logs.remove("never-there")
        assert list(tmp_path.iterdir()) == []

    run(main())
