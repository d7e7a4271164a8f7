"""The store of releases' files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from weft.errors import PackageError, StorageFailed
from weft.packages.contents import ContentStore
from weft.packages.digests import digest_folder


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "__init__.py").write_text("app = 1\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("run.sh")
    (folder / "__pycache__").mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return ContentStore(tmp_path / "releases")


def writable(path: Path) -> Path:
    """The path, made writable with the folder around it, as whoever meddles would."""
    path.parent.chmod(0o755)
    if path.exists():
        path.chmod(0o755)
    return path


def test_a_release_is_kept_by_its_digest(store: ContentStore, plugin: Path) -> None:
    digest = store.add(plugin)
    assert digest == digest_folder(plugin)
    assert store.digests() == {digest}
    store.verify(digest)
    kept = store.path(digest)
    assert names(kept) == ["link", "run.sh", "shop"]
    assert (kept / "link").readlink() == Path("run.sh")


def test_what_is_kept_is_read_only(store: ContentStore, plugin: Path) -> None:
    kept = store.path(store.add(plugin))
    modes = {path.name: path.lstat().st_mode & 0o777 for path in (kept, *kept.rglob("*")) if not path.is_symlink()}
    assert modes == {"files": 0o555, "run.sh": 0o555, "shop": 0o555, "__init__.py": 0o444}


def test_the_same_content_is_kept_once(store: ContentStore, plugin: Path) -> None:
    digest = store.add(plugin)
    inode = store.path(digest).stat().st_ino
    assert store.add(plugin) == digest
    assert store.path(digest).stat().st_ino == inode


def test_many_may_add_the_same_at_once(store: ContentStore, plugin: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda _: store.add(plugin), range(24)))
    assert store.digests() == digests
    store.verify(*digests)
    assert len(names(tmp_path / "releases")) == 1


@pytest.mark.parametrize(
    ("meddle", "named"),
    [
        (lambda kept: writable(kept / "shop" / "__init__.py").write_text("app = 2\n"), "shop/__init__.py changed"),
        (lambda kept: writable(kept / "run.sh").unlink(), "run.sh missing"),
        (lambda kept: writable(kept / "new.py").write_text(""), "new.py added"),
        (lambda kept: writable(kept / "__pycache__").mkdir(), "__pycache__ added"),
        (lambda kept: writable(kept / "shop" / "__init__.py").chmod(0o755), "shop/__init__.py changed"),
        (lambda kept: writable(kept / "l2").symlink_to("/etc"), "l2: is a link"),
        (lambda kept: writable(kept.parent / "index").write_text("f\n"), "index was changed"),
        (lambda kept: writable(kept.parent / "index").unlink(), "could not be read"),
    ],
)
def test_a_changed_file_is_named(
    store: ContentStore, plugin: Path, meddle: Callable[[Path], object], named: str
) -> None:
    digest = store.add(plugin)
    meddle(store.path(digest))
    with pytest.raises(PackageError, match=named):
        store.verify(digest)
    assert store.add(plugin) == digest  # storing it again mends it
    store.verify(digest)


def test_an_unknown_release_does_not_verify(store: ContentStore) -> None:
    with pytest.raises(PackageError, match="could not be read"):
        store.verify("sha256:" + "0" * 64)
    with pytest.raises(PackageError, match="not a digest"):
        store.path("sha256:../../etc")


def test_a_release_can_be_removed(store: ContentStore, plugin: Path, tmp_path: Path) -> None:
    digest = store.add(plugin)
    store.remove(digest)
    store.remove(digest)
    assert store.digests() == set()
    assert names(tmp_path / "releases") == []


def test_what_no_plugin_may_hold_is_not_kept(store: ContentStore, plugin: Path, tmp_path: Path) -> None:
    (plugin / "out").symlink_to("/etc/passwd")
    with pytest.raises(PackageError, match="outside"):
        store.add(plugin)
    assert names(tmp_path / "releases") == []


def test_a_crash_leaves_only_what_sweep_removes(store: ContentStore, plugin: Path, tmp_path: Path) -> None:
    digest = store.add(plugin)
    half = tmp_path / "releases" / ".partial-x" / "files"
    half.mkdir(parents=True)
    half.chmod(0o555)
    assert store.digests() == {digest}
    store.sweep()
    assert names(tmp_path / "releases") == [digest.removeprefix("sha256:")]


FULL = """
import resource, sys
from pathlib import Path
from weft.errors import StorageFailed
from weft.packages.contents import ContentStore
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    ContentStore(Path(sys.argv[1])).add(Path(sys.argv[2]))
except StorageFailed as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_leaves_nothing(plugin: Path, tmp_path: Path) -> None:
    (plugin / "big").write_bytes(b"x" * 100_000)
    command = [sys.executable, "-c", FULL, tmp_path / "releases", plugin]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "could not be stored" in done.stdout, done.stderr
    assert names(tmp_path / "releases") == []


def test_a_store_that_cannot_be_written_says_so(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="could not be stored"):
        ContentStore(tmp_path / "file" / "releases").add(plugin)


def test_a_folder_may_be_named_by_a_link(store: ContentStore, plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(plugin)
    assert store.add(tmp_path / "current") == store.add(plugin)


def test_what_is_no_folder_is_refused(store: ContentStore, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="expected a folder"):
        store.add(tmp_path / "missing")
