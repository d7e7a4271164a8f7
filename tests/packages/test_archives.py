"""``.plg`` archives: what is packed comes back, and nothing hostile gets out of its folder."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.errors import PackageError, StorageFailed
from weft.packages.archives import ArchiveLimits, kind_of, pack, unpack
from weft.packages.digests import digest_folder


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A plugin's folder with all that one may hold."""
    folder = tmp_path / "source" / "shop"
    (folder / "shop" / "deep").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "pyproject.toml").write_text("[tool.weft]\nversion = '1'\n")
    (folder / "shop" / "__init__.py").write_text("app = 1\n")
    (folder / "shop" / "deep" / f"{'long' * 40}.txt").write_text("x")
    (folder / "shop" / "ünï.txt").write_text("y")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("shop/__init__.py")
    (folder / "folder-link").symlink_to("shop")
    return folder


# --- packing ------------------------------------------------------------------------------------------------------


def test_what_is_packed_comes_back(plugin: Path, tmp_path: Path) -> None:
    folder = unpack(pack(plugin, tmp_path / "shop.plg"), tmp_path / "into")
    assert folder == tmp_path / "into" / "shop"
    assert digest_folder(folder) == digest_folder(plugin)
    assert os.access(folder / "run.sh", os.X_OK)
    assert (folder / "link").read_text() == "app = 1\n"
    assert names(tmp_path / "into") == ["shop"]


def test_packing_is_reproducible(plugin: Path, tmp_path: Path) -> None:
    first = pack(plugin, tmp_path / "a.plg").read_bytes()
    for path in plugin.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    (plugin / "shop" / "__init__.py").chmod(0o600)
    assert pack(plugin, tmp_path / "b.plg").read_bytes() == first


def test_what_tools_leave_is_not_packed(plugin: Path, tmp_path: Path) -> None:
    digest = digest_folder(plugin)
    for leaving in ("__pycache__", ".git", ".venv", "shop/__pycache__", "env"):
        (plugin / leaving).mkdir()
        (plugin / leaving / "pyvenv.cfg").write_text("x")
    (plugin / "old.plg").write_text("x")
    assert digest_folder(plugin) == digest
    folder = unpack(pack(plugin, plugin / "shop.plg"), tmp_path / "into")
    assert not list(folder.rglob("pyvenv.cfg"))
    assert not list(folder.rglob("*.plg"))


def test_sha256sum_checks_an_archive(plugin: Path, tmp_path: Path) -> None:
    archive = pack(plugin, tmp_path / "shop.plg")
    subprocess.run(["tar", "xf", archive], cwd=tmp_path, check=True)
    done = subprocess.run(["sha256sum", "--strict", "-c", "CHECKSUMS"], cwd=tmp_path, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_pipe, "device, socket or pipe"),
        (lambda folder: (folder / "out").symlink_to("../../x"), "outside"),
        (lambda folder: (folder / "out").symlink_to("/etc/passwd"), "outside"),
        (lambda folder: (folder / "loop").symlink_to("loop"), "loop"),
        (lambda folder: (folder / "a\\b").write_text(""), "backslash"),
        (lambda folder: (folder / "a\nb").write_text(""), "control"),
        (lambda folder: (folder / os.fsdecode(b"a\xff")).write_text(""), "UTF-8"),
        (lambda folder: (folder / "RUN.sh").write_text(""), "one name"),
    ],
)
def test_what_no_plugin_may_hold_is_not_packed(
    plugin: Path, tmp_path: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(plugin)
    with pytest.raises(PackageError, match=reason):
        pack(plugin, tmp_path / "shop.plg")
    assert names(tmp_path) == ["source"]


def test_a_target_that_cannot_be_written_leaves_nothing(plugin: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match=r"shop\.plg"):
        pack(plugin, tmp_path / "no" / "shop.plg")


def test_a_single_file_needs_no_packing(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("")
    with pytest.raises(PackageError, match="deploy it"):
        pack(tmp_path / "x.py", tmp_path / "x.plg")


# --- hostile archives ---------------------------------------------------------------------------------------------

Entry = tuple[str, bytes | str, bytes]
"""A name, the content (bytes) or a link's target (str), the type."""


def make(path: Path, *entries: Entry, sums: bytes | None = None, after: bytes = b"", end: int = 10240) -> Path:
    """An archive with these members, and CHECKSUMS that are right unless given."""
    raw = io.BytesIO()
    files = {name: content for name, content, kind in entries if isinstance(content, bytes) and kind == tarfile.REGTYPE}
    lines = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()).encode()
    for name, content, kind in [("CHECKSUMS", lines if sums is None else sums, tarfile.REGTYPE), *entries]:
        header = tarfile.TarInfo(name)
        header.type = kind
        body = content if isinstance(content, bytes) else b""
        header.linkname = content if isinstance(content, str) else ""
        header.size = len(body)
        raw.write(header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        raw.write(body + b"\0" * (-len(body) % 512))
    raw.write(after + b"\0" * end)
    path.write_bytes(gzip.compress(raw.getvalue(), 6))
    return path


def file(name: str, content: bytes = b"x") -> Entry:
    return name, content, tarfile.REGTYPE


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Entry:
    return name, target, kind


GOOD = file("shop/plugin.yaml", b"version: '1'\n")


def refused(archive: Path, reason: str, limits: ArchiveLimits | None = None) -> None:
    """The archive is refused, and leaves nothing in the folder, or beside it."""
    into = archive.parent / "into"
    into.mkdir(exist_ok=True)
    before = sorted(archive.parent.rglob("*"))
    with pytest.raises(PackageError, match=reason) as error:
        unpack(archive, into, limits=limits or ArchiveLimits())
    assert archive.name in str(error.value)
    assert sorted(archive.parent.rglob("*")) == before


def test_a_plain_archive_is_taken(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.plg", GOOD, link("shop/l", "plugin.yaml"), ("shop/d", b"", tarfile.DIRTYPE))
    assert names(unpack(archive, tmp_path / "into")) == ["d", "l", "plugin.yaml"]


def test_files_at_the_top_take_the_archives_name(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.plg", file("./plugin.yaml"), file("shop/app.py"))
    assert unpack(archive, tmp_path / "into") == tmp_path / "into" / "a"


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([file("../out")], r"'\.\.' part"),
        ([file("shop/../../out")], r"'\.\.' part"),
        ([file("/etc/out")], "absolute"),
        ([file("shop//x")], "empty"),
        ([file("shop/./x")], "part"),
        ([file("shop\\x")], "backslash"),
        ([file("shop/a\nb")], "control"),
        ([file("shop/a\x1b[0m")], "control"),
        ([file("/".join("d" * 40))], "longer"),
        ([file("shop/" + "n" * 300)], "longer"),
        ([file("/".join(["x" * 200] * 8))], "longer"),
        ([link("shop/l", "../../out")], "outside"),
        ([link("shop/l", "../CHECKSUMS")], "outside"),
        ([link("shop/l", "/etc/passwd")], "outside"),
        ([link("shop/l", "")], "outside"),
        ([link("shop/l", "a\x07")], "plain path"),
        ([link("shop/l", "plugin.yaml", tarfile.LNKTYPE)], "hard link"),
        ([link("shop/l", "", tarfile.CHRTYPE)], "device"),
        ([link("shop/l", "", tarfile.BLKTYPE)], "device"),
        ([link("shop/l", "", tarfile.FIFOTYPE)], "pipe"),
        ([link("shop/l", "", tarfile.GNUTYPE_SPARSE)], "sparse"),
        ([link("shop/l", "", b"Z")], "type"),
        ([link("shop/l", "", tarfile.XGLTYPE)], "type"),
        ([GOOD, GOOD], "twice"),
        ([GOOD, file("CHECKSUMS")], "twice|each once"),
        ([file("shop/a"), file("shop/A")], "one name"),
        ([file("shop/é"), file("shop/e\u0301")], "one name"),
        ([file("shop/d/a"), file("shop/D/b")], "one name"),
        ([file("shop/a"), file("shop/a/b")], "not a folder"),
        ([file("shop/a/b"), file("shop/a")], "twice"),
        ([link("shop/l", "d"), file("shop/l/x")], "not a folder"),
        ([link("shop/a/b/c", "../../z"), file("shop/z/x"), link("shop/e", "a/b/c/../../..")], "outside"),
    ],
)
def test_hostile_members_are_refused(tmp_path: Path, entries: list[Entry], reason: str) -> None:
    refused(
        make(tmp_path / "evil.plg", GOOD, *entries) if GOOD not in entries else make(tmp_path / "evil.plg", *entries),
        reason,
    )


@pytest.mark.parametrize(
    ("sums", "reason"),
    [
        (b"", "line 1"),
        (b"nonsense\n", "line 1"),
        (b"\xff", "no valid archive"),
        (b"0" * 64 + b"  shop/plugin.yaml\n", "does not match"),
        (hashlib.sha256(GOOD[1]).hexdigest().encode() + b"  shop/other\n", "not in the archive"),  # type: ignore[arg-type]
        ((b"0" * 64 + b"  shop/plugin.yaml\n") * 2, "each once"),
    ],
)
def test_wrong_checksums_are_refused(tmp_path: Path, sums: bytes, reason: str) -> None:
    refused(make(tmp_path / "evil.plg", GOOD, sums=sums), reason)


def test_a_file_without_a_checksum_is_refused(tmp_path: Path) -> None:
    sums = hashlib.sha256(b"x").hexdigest().encode() + b"  shop/x\n"
    refused(make(tmp_path / "evil.plg", file("shop/x"), GOOD, sums=sums), "no line")


def test_an_archive_without_checksums_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "x").write_text("x")
    with tarfile.open(tmp_path / "evil.plg", "w:gz") as tar:
        tar.add(tmp_path / "shop", "shop")
    refused(tmp_path / "evil.plg", "has no CHECKSUMS")


@pytest.mark.parametrize(("after", "end"), [(b"x" * 512, 10240), (b"\0" * 1024 + b"more", 10240), (b"", 0), (b"", 512)])
def test_a_wrong_end_is_refused(tmp_path: Path, after: bytes, end: int) -> None:
    refused(make(tmp_path / "evil.plg", GOOD, after=after, end=end), "after its last file|cut short")


def test_data_after_the_gzip_stream_is_refused(tmp_path: Path) -> None:
    archive = make(tmp_path / "evil.plg", GOOD)
    archive.write_bytes(archive.read_bytes() + b"more")
    refused(archive, "damaged")


def test_a_second_archive_behind_the_first_is_refused(tmp_path: Path) -> None:
    archive = make(tmp_path / "evil.plg", GOOD)
    archive.write_bytes(archive.read_bytes() * 2)
    refused(archive, "after its last file")


def test_every_truncated_archive_is_refused(tmp_path: Path) -> None:
    whole = make(tmp_path / "evil.plg", GOOD).read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "evil.plg").write_bytes(whole[:length])
        refused(tmp_path / "evil.plg", ".")


@pytest.mark.parametrize(
    "limits",
    [
        ArchiveLimits(total=1_000_000),
        ArchiveLimits(ratio=10, slack=1000),
        ArchiveLimits(members=3),
        ArchiveLimits(checksums=10),
    ],
)
def test_bombs_are_refused(tmp_path: Path, limits: ArchiveLimits) -> None:
    entries = [file(f"shop/{n}", b"\0" * 500_000) for n in range(4)]
    refused(make(tmp_path / "bomb.plg", *entries), "grows past|more than|larger", limits)


def test_huge_headers_are_refused(tmp_path: Path) -> None:
    refused(make(tmp_path / "evil.plg", ("x", b"1" * 100_000, tarfile.XHDTYPE), GOOD), "impossible size")
    refused(make(tmp_path / "evil.plg", ("x", b"1" * 100_000, tarfile.GNUTYPE_LONGNAME), GOOD), "impossible size")


def test_a_negative_size_is_refused(tmp_path: Path) -> None:
    pax = ("x", b"12 size=-512\n".replace(b"12", b"13"), tarfile.XHDTYPE)
    refused(make(tmp_path / "evil.plg", pax, GOOD), "impossible size|no valid|damaged")


def test_many_headers_in_a_row_are_refused(tmp_path: Path) -> None:
    refused(make(tmp_path / "evil.plg", *[("x", b"long", tarfile.GNUTYPE_LONGNAME)] * 3000, GOOD), "no valid archive")


def test_what_is_there_already_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "into" / "shop").mkdir(parents=True)
    refused(make(tmp_path / "a.plg", GOOD), "there already")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.binary(max_size=3000), zipped=st.booleans())
def test_garbage_is_refused(tmp_path: Path, *, data: bytes, zipped: bool) -> None:
    (tmp_path / "x.plg").write_bytes(gzip.compress(data, 1) if zipped else data)
    refused(tmp_path / "x.plg", ".")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_a_changed_byte_never_escapes(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(gzip.decompress(make(tmp_path / "x.plg", GOOD, link("shop/l", "plugin.yaml")).read_bytes()))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 9000))] = data.draw(st.integers(0, 255))
    (tmp_path / "x.plg").write_bytes(gzip.compress(bytes(raw), 1))
    into = tmp_path / "into"
    try:
        folder = unpack(tmp_path / "x.plg", into)
    except PackageError:
        pass  # refused is one of the two right answers
    else:
        assert folder.parent == into
        folder.rename(tmp_path / "taken")
        subprocess.run(["rm", "-rf", tmp_path / "taken"], check=True)
    assert names(into) == []
    assert names(tmp_path) == ["into", "x.plg"]


# --- what an upload is --------------------------------------------------------------------------------------------


def test_an_upload_is_told_by_its_bytes(tmp_path: Path) -> None:
    archive = make(tmp_path / "x.py", GOOD)
    assert kind_of(archive) == "archive"
    (tmp_path / "x.plg").write_text("app = 'ü'\n")
    assert kind_of(tmp_path / "x.plg") == "source"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x7fELF\x02\x01", "compiled"),
        (b"PK\x03\x04x", "zip"),
        (b"", "empty"),
        (b"a\0b", "text"),
        (b"\xff\xfe", "text"),
        (b"#" * 2_000_000, "larger"),
    ],
)
def test_any_other_upload_is_refused_with_what_to_send(tmp_path: Path, data: bytes, what: str) -> None:
    (tmp_path / "plugin.so").write_bytes(data)
    with pytest.raises(PackageError, match=rf"plugin\.so.*{what}.*\.plg"):
        kind_of(tmp_path / "plugin.so")


def test_a_folder_without_files_is_not_packed(tmp_path):
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    with pytest.raises(PackageError, match="empty: holds no files"):
        pack(tmp_path / "empty", tmp_path / "empty.plg")
    assert not (tmp_path / "empty.plg").exists()
