"""One number for a plugin's files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.errors import PackageError
from weft.packages.digests import differences, digest_folder, digest_hex, index_folder


def make(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text(name)
    return folder


def test_the_digest_does_not_depend_on_the_order_of_creation(tmp_path: Path) -> None:
    names = ["b", "a", "c", "Z"]
    digest = digest_folder(make(tmp_path / "one", names))
    assert digest == digest_folder(make(tmp_path / "two", names[::-1]))
    assert re.fullmatch("sha256:[0-9a-f]{64}", digest)


def _move(folder: Path) -> None:
    (folder / "a").rename(folder / "e")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a").write_text("A"),
        lambda folder: (folder / "a").chmod(0o755),
        lambda folder: (folder / "new").write_text(""),
        lambda folder: (folder / "new").mkdir(),
        lambda folder: (folder / "new").symlink_to("a"),
        lambda folder: (folder / "a").unlink(),
        _move,
    ],
)
def test_every_change_changes_it(tmp_path: Path, change: Callable[[Path], object]) -> None:
    folder = make(tmp_path / "p", ["a", "b"])
    before = digest_folder(folder)
    change(folder)
    assert digest_folder(folder) != before


def test_a_link_to_another_place_changes_it(tmp_path: Path) -> None:
    folder = make(tmp_path / "p", ["a", "b"])
    (folder / "l").symlink_to("a")
    before = digest_folder(folder)
    (folder / "l").unlink()
    (folder / "l").symlink_to("b")
    assert digest_folder(folder) != before


def test_times_and_owners_bits_do_not_matter(tmp_path: Path) -> None:
    folder = make(tmp_path / "p", ["a"])
    before = digest_folder(folder)
    (folder / "a").chmod(0o600)
    assert digest_folder(folder) == before


def test_differences_are_named(tmp_path: Path) -> None:
    before = index_folder(make(tmp_path / "one", ["a", "b", "same"]))
    folder = make(tmp_path / "two", ["b", "c\u2028x", "same"])
    (folder / "b").write_text("other")
    assert differences(before, index_folder(folder)) == ["a missing", "b changed", "c\u2028x added"]
    assert differences(before, before) == []


FILES = st.dictionaries(st.text("abc\u2028 é", min_size=1, max_size=4), st.binary(max_size=8), max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(first=FILES, second=FILES)
def test_equal_digests_mean_equal_files(
    tmp_path_factory: pytest.TempPathFactory, first: dict[str, bytes], second: dict[str, bytes]
) -> None:
    digests = []
    for files in (first, second):
        folder = tmp_path_factory.mktemp("files")
        for name, content in files.items():
            (folder / name).write_bytes(content)
        digests.append(digest_folder(folder))
    assert (digests[0] == digests[1]) == (first == second)


@pytest.mark.parametrize("text", ["", "sha256:", "sha256:../../x", "md5:" + "0" * 64, "sha256:" + "G" * 64, "0" * 64])
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(PackageError, match="not a digest"):
        digest_hex(text)
