"""``.plg`` archives: a gzipped tar with one folder, the plugin's, and ``CHECKSUMS`` beside it.

``CHECKSUMS`` is what ``sha256sum`` writes, one line per file, so that ``tar xf X.plg && sha256sum -c CHECKSUMS``
checks one by hand. Packing the same folder gives the same bytes. Unpacking trusts nothing: the archive is inflated
within bounds, then every member is judged by its header, then files are written below a temporary folder and compared
with their checksums, and only a plugin that passed all of it is moved into its place.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from weft.errors import PackageError, StorageFailed
from weft.manifest.document import MAX_BYTES
from weft.packages.digests import hash_file
from weft.packages.members import Member, Names, open_tar, read_members
from weft.packages.tree import Node, checked_path, walk

CHECKSUMS = "CHECKSUMS"
GZIP = b"\x1f\x8b"
BLOCK = 64 * 1024
OTHER_MAGIC = {
    b"\x7fELF": "a compiled program or library",
    b"PK\x03\x04": "a zip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstandard archive",
    b"\x00asm": "a WebAssembly module",
}


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may grow to. Sizes are bytes."""

    total: int = 1024 * 1024 * 1024
    """All of it, inflated."""
    ratio: int = 200
    """Times its packed size; counts from ``slack`` on."""
    slack: int = 16 * 1024 * 1024
    members: int = 50_000
    checksums: int = 16 * 1024 * 1024


LIMITS = ArchiveLimits()


def kind_of(path: Path) -> Literal["archive", "source"]:
    """What an upload is, by its bytes: a ``.plg`` archive or the source of a single ``.py``.

    Raises PackageError, saying what to send, for anything else.
    """
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if data.startswith(GZIP):
        return "archive"
    if not data:
        raise PackageError(f"{path.name}: is empty; send a .plg archive or a .py file")
    what = next((what for magic, what in OTHER_MAGIC.items() if data.startswith(magic)), "")
    if not what and len(data) <= MAX_BYTES and _is_text(data):
        return "source"
    what = what or (f"larger than {MAX_BYTES // 1024} KiB" if len(data) > MAX_BYTES else "not UTF-8 text")
    raise PackageError(f"{path.name}: is {what}; send a .plg archive (weft pack makes one) or a .py file")


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


# --- packing --------------------------------------------------------------------------------------------------------


def pack(folder: Path, target: Path) -> Path:
    """Write the plugin's folder as a ``.plg``; the same content gives the same bytes. Returns ``target``.

    Raises PackageError for what no plugin may hold, StorageFailed where the archive cannot be written.
    """
    if folder.is_file():
        raise PackageError(f"{folder}: is a single file and needs no packing; deploy it as it is")
    name = checked_path(folder.resolve().name)
    if name == CHECKSUMS:
        raise PackageError(f"{folder}: a plugin's folder cannot be named {CHECKSUMS}; rename it")
    nodes = walk(folder)
    _check_names(nodes)
    if not any(node.kind == "file" for node in nodes):
        raise PackageError(f"{folder}: holds no files, so there is no plugin in it; name the plugin's own folder")
    with (
        _replacing(target) as file,
        gzip.GzipFile("", "wb", 9, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.addfile(_header(Node(name, "folder")))
        sums = "".join([_pack_node(tar, folder, node, name) for node in nodes]).encode()
        header = _header(Node(CHECKSUMS, "file"))
        header.size = len(sums)
        tar.addfile(header, io.BytesIO(sums))
    return target


def _check_names(nodes: list[Node]) -> None:
    """Refuse now what could not be unpacked everywhere."""
    names = Names()
    for node in nodes:
        names.add(node.path, node.kind)


def _pack_node(tar: tarfile.TarFile, folder: Path, node: Node, name: str) -> str:
    """Add one node; gives its line of CHECKSUMS, '' for what has no content."""
    header = _header(Node(f"{name}/{node.path}", node.kind, node.target))
    if node.kind in ("folder", "link"):
        tar.addfile(header)
        return ""
    path = folder / node.path
    digest, header.size = hash_file(path), path.stat().st_size
    with path.open("rb") as file:
        tar.addfile(header, file)
    return f"{digest}  {header.name}\n"


def _header(node: Node) -> tarfile.TarInfo:
    """A header without anything of the machine that packs: no owner, no time, two modes."""
    header = tarfile.TarInfo(node.path)
    header.type = {"folder": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}.get(node.kind, tarfile.REGTYPE)
    header.linkname = node.target
    header.mode = 0o644 if node.kind == "file" else 0o755
    return header


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """A file that takes ``target``'s place when it is whole, and leaves nothing otherwise."""
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}-", delete=False) as file:
            partial = Path(file.name)
            try:
                yield cast("BinaryIO", file)
                file.close()
                partial.chmod(0o644)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(f"{target}: could not be written: {error}") from error


# --- unpacking ------------------------------------------------------------------------------------------------------


def unpack(archive: Path, into: Path, *, limits: ArchiveLimits = LIMITS) -> Path:
    """Unpack a ``.plg`` below ``into`` and return the plugin's folder; it must not be there yet.

    The folder has the name that it was packed with; an archive whose files lie at its top, beside CHECKSUMS, gives a
    folder with the archive's name. Raises PackageError for anything hostile, damaged or incomplete, StorageFailed
    where it cannot be written; then nothing is left in ``into``.
    """
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=".unpack-") as temporary:
            return _unpack(archive, into, Path(temporary), limits)
    except PackageError as error:
        raise PackageError(f"{archive.name}: {error}") from error.__cause__
    except OSError as error:
        raise StorageFailed(f"{archive.name}: could not be unpacked: {error}") from error


def _unpack(archive: Path, into: Path, temporary: Path, limits: ArchiveLimits) -> Path:
    files = temporary / "files"
    files.mkdir()
    with (temporary / "inflated").open("w+b") as inflated:
        _inflate(archive, inflated, limits)
        _write_members(inflated, files, limits)
    (files / CHECKSUMS).unlink()
    inside = list(files.iterdir())
    whole = len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink()
    folder = inside[0] if whole else files
    walk(folder, everything=True)  # every link, followed to its end, stays inside
    target = into / (folder.name if whole else checked_path(archive.stem))
    if target.exists() or target.is_symlink():
        raise PackageError(f"{target.name} is there already; unpack into an empty folder")
    return folder.rename(target)


def _inflate(archive: Path, target: BinaryIO, limits: ArchiveLimits) -> None:
    """The tar file inside, as long as it keeps within the limits."""
    allowed = min(limits.total, max(limits.slack, limits.ratio * archive.stat().st_size))
    total = 0
    try:
        with gzip.open(archive) as packed:
            while chunk := packed.read(BLOCK):
                total += len(chunk)
                if total > allowed:
                    raise PackageError(f"grows past {allowed} bytes; more is not unpacked from an archive of its size")
                target.write(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PackageError(f"is damaged or cut short: {error}") from error
    target.flush()


def _write_members(inflated: BinaryIO, files: Path, limits: ArchiveLimits) -> None:
    """Judge all members, then write them, then compare them with their checksums."""
    inflated.seek(0)
    try:
        with open_tar(inflated) as tar:
            members = read_members(inflated, tar, limits.members)
            wanted = _checksums(tar, members, limits)
            found = {member.path: digest for member in members if (digest := _write_member(tar, member, files))}
    except (tarfile.TarError, RecursionError, UnicodeError) as error:
        raise PackageError(f"is no valid archive: {error}") from error
    _compare(wanted, found)


def _checksums(tar: tarfile.TarFile, members: list[Member], limits: ArchiveLimits) -> dict[str, str]:
    """CHECKSUMS as a table: path to SHA-256."""
    info = next((m.info for m in members if m.path == CHECKSUMS and m.kind in ("file", "program")), None)
    if info is None:
        raise PackageError(f"has no {CHECKSUMS}; pack it with weft pack")
    if info.size > limits.checksums:
        raise PackageError(f"{CHECKSUMS} is larger than {limits.checksums} bytes")
    content = tar.extractfile(info)
    sums: dict[str, str] = {}
    for number, line in enumerate((content.read() if content else b"").decode().rstrip("\n").split("\n"), 1):
        digest, path = line[:64], line[66:].removeprefix("./")
        if line[64:66] not in ("  ", " *") or set(digest) - set("0123456789abcdef") or path in sums:
            raise PackageError(f"{CHECKSUMS} line {number}: expected a SHA-256, two spaces and a path, each once")
        sums[path] = digest
    return sums


def _write_member(tar: tarfile.TarFile, member: Member, files: Path) -> str:
    """Write one member below ``files``; gives a file's SHA-256, '' for what has no content."""
    place = files / member.path
    if member.kind == "folder":
        place.mkdir(parents=True, exist_ok=True)
        return ""
    place.parent.mkdir(parents=True, exist_ok=True)
    if member.kind == "link":
        place.symlink_to(member.info.linkname)
        return ""
    content = tar.extractfile(member.info)
    digest = hashlib.sha256()
    with place.open("xb") as file:
        while content and (chunk := content.read(BLOCK)):
            digest.update(chunk)
            file.write(chunk)
    if place.stat().st_size != member.info.size:
        raise PackageError(f"is cut short: {member.path!r} is not whole")
    place.chmod(0o755 if member.kind == "program" else 0o644)
    return digest.hexdigest()


def _compare(wanted: dict[str, str], found: dict[str, str]) -> None:
    """Every file has its checksum, and every checksum its file."""
    files = found.keys() - {CHECKSUMS}
    if missing := sorted(wanted.keys() - files):
        raise PackageError(f"{missing[0]!r} is in {CHECKSUMS} and not in the archive")
    if unknown := sorted(files - wanted.keys()):
        raise PackageError(f"{unknown[0]!r} has no line in {CHECKSUMS}")
    if wrong := sorted(path for path in wanted if wanted[path] != found[path]):
        raise PackageError(f"{wrong[0]!r} does not match its checksum")
