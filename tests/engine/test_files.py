"""Copies of what runs: kept while something needs them, removed with their engine or by the next one."""

from __future__ import annotations

import asyncio

import pytest

from weft.engine.files import Files
from weft.errors import StorageFailed


def test_a_copy_lives_as_long_as_it_is_needed(run, write, tmp_path):
    source = write(tmp_path / "shop.py")

    async def main():
        files = Files(tmp_path / "copies")
        async with files.copied(source, None) as copied:
            await files.collect(list)
            assert (copied.folder / "shop.py").read_text() == source.read_text()
        await files.collect(lambda: [copied.digest])
        assert copied.folder.exists()
        await files.collect(list)
        assert not copied.folder.exists()
        await files.close()
        assert not [*(tmp_path / "copies").iterdir()]

    run(main())


def test_two_copies_of_the_same_are_one(run, write, tmp_path):
    source = write(tmp_path / "shop.py")

    async def main():
        files = Files(tmp_path / "copies")
        async with files.copied(source, None) as one, files.copied(source, "store") as other:
            assert one.folder == other.folder
            assert (one.manifest.name, other.manifest.name) == ("shop", "store")
        await files.close()

    run(main())


def test_copies_of_a_crashed_engine_are_removed_and_those_of_others_not(run, write, tmp_path):
    source = write(tmp_path / "shop.py")

    async def main():
        living = Files(tmp_path / "copies")
        async with living.copied(source, None) as kept:
            crashed = tmp_path / "copies" / "0123456789abcdef"
            (crashed / ".partial-1").mkdir(parents=True)
            crashed.with_suffix(".lock").touch()
            another = Files(tmp_path / "copies")
            async with another.copied(source, None):
                assert not crashed.exists()
                assert kept.folder.exists()
            await another.close()
            assert kept.folder.exists()
        await living.close()

    run(main())


def test_a_cancelled_copy_is_finished_before_the_next_begins(run, write, tmp_path):
    source = write(tmp_path / "shop.py")

    async def main():
        files = Files(tmp_path / "copies")

        async def copy():
            async with files.copied(source, None):
                pytest.fail("it was cancelled before")

        copying = asyncio.create_task(copy())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        copying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await copying
        await files.collect(list)
        await files.close()
        assert not [*(tmp_path / "copies").iterdir()]

    run(main())


def test_a_place_that_cannot_be_written_is_told(run, write, tmp_path):
    source = write(tmp_path / "shop.py")
    (tmp_path / "copies").write_text("a file is in the way")

    async def main():
        with pytest.raises(StorageFailed, match=r"shop\.py could not be copied to .*copies"):
            async with Files(tmp_path / "copies").copied(source, None):
                pytest.fail("there is no place for it")

    run(main())
