"""What a folder takes on disk, whatever is done in it."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from weft.sandbox.folders import disk_use

KIB = 1024
PLENTY = 1 << 40


def test_what_is_written_counts(tmp_path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "one").write_bytes(b"x" * 100 * KIB)
    (tmp_path / "a/b/two").write_bytes(b"x" * 200 * KIB)
    assert 300 * KIB <= disk_use(str(tmp_path), PLENTY) <= 330 * KIB


def test_a_file_with_holes_counts_as_what_it_takes(tmp_path) -> None:
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(1 << 30)
    assert disk_use(str(tmp_path), PLENTY) < 100 * KIB


def test_links_are_neither_followed_nor_counted_twice(tmp_path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "large").write_bytes(b"x" * 500 * KIB)
    (inside / "folder").symlink_to(outside)
    (inside / "file").symlink_to(outside / "large")
    (inside / "round").symlink_to(inside)
    (inside / "one").write_bytes(b"x" * 100 * KIB)
    (inside / "two").hardlink_to(inside / "one")
    assert 100 * KIB <= disk_use(str(inside), PLENTY) <= 120 * KIB


def test_empty_files_count(tmp_path) -> None:
    for number in range(100):
        (tmp_path / str(number)).touch()
    assert disk_use(str(tmp_path), PLENTY) == 100 * KIB


def test_counting_ends_when_it_is_enough(tmp_path) -> None:
    for number in range(100):
        (tmp_path / str(number)).touch()
    assert disk_use(str(tmp_path), 10 * KIB) == 11 * KIB


def test_counting_ends_when_nobody_wants_it_any_more(tmp_path) -> None:
    (tmp_path / "file").touch()
    assert disk_use(str(tmp_path), PLENTY, lambda: False) == 0


def test_nobody_counts_what_lies_too_deep(tmp_path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(150):
            os.mkdir("deeper", dir_fd=here)
            below = os.open("deeper", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)
    assert disk_use(str(tmp_path), PLENTY) == math.inf


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_nobody_counts_what_may_not_be_read(tmp_path) -> None:
    (tmp_path / "secret").mkdir(mode=0o700)
    code = f"""
import os
from weft.sandbox.folders import disk_use
os.chdir({str(tmp_path)!r})
os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(disk_use(".", 1 << 40))
"""
    tmp_path.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "inf\n", done.stderr


def test_a_folder_that_is_gone_is_an_error(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        disk_use(str(tmp_path / "none"), PLENTY)


def test_files_and_folders_may_vanish_and_change_meanwhile(tmp_path) -> None:
    over = threading.Event()

    def stir(name: str) -> None:
        while not over.is_set():
            _stir(tmp_path / name)

    threads = [threading.Thread(target=stir, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    try:
        for _ in range(300):
            assert disk_use(str(tmp_path), PLENTY) < 1 << 20
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _stir(folder: Path) -> None:
    """Folders and files come, become links, and go."""
    for number in range(5):
        (folder / str(number) / "x").mkdir(parents=True)
        (folder / str(number) / "file").touch()
    (folder / "1/x").rmdir()
    (folder / "1/x").symlink_to("/")
    shutil.rmtree(folder)
