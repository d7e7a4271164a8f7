"""The members of a tar file, judged by their headers alone, before anything is written."""

from __future__ import annotations

import posixpath
import tarfile
from dataclasses import dataclass
from typing import BinaryIO, Self

from weft.errors import PackageError
from weft.packages.tree import Kind, checked_path, same_name

BLOCK = 64 * 1024
END = 2 * tarfile.BLOCKSIZE
"""Zero bytes that end a tar file, at least."""
MAX_HEADER = 4 * 1024
"""Bytes of one extended header: a path and a link's target fit."""
MAX_HEADERS = 4 * 1024 * 1024
"""Bytes of all extended headers together."""
EXTENDED = frozenset({tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK})
KINDS: dict[bytes, Kind] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "link",
}
REFUSED = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


@dataclass(frozen=True)
class Member:
    """One thing in an archive. ``path`` is relative and safe."""

    path: str
    kind: Kind
    info: tarfile.TarInfo


def read_members(file: BinaryIO, tar: tarfile.TarFile, limit: int) -> list[Member]:
    """All members. Raises PackageError for the first that is refused, and for a file that does not end as it should."""
    members: list[Member] = []
    names = Names()
    end = 0
    for info in tar:
        if len(members) >= limit:
            raise PackageError(f"holds more than {limit} files")
        member = _member(info)
        end = _end_of(info)
        if member.path != ".":
            names.add(member.path, member.kind)
            members.append(member)
    if not members:
        raise PackageError("holds nothing")
    _check_end(file, end)
    return members


def open_tar(file: BinaryIO) -> tarfile.TarFile:
    """A tar file whose headers are bounded before tarfile follows them. Raises tarfile.TarError."""
    left = MAX_HEADERS

    class Header(tarfile.TarInfo):
        """Refuses what would be read into memory, or followed, before it can be judged."""

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
            nonlocal left
            header = super().frombuf(buf, encoding, errors)
            if header.type in EXTENDED:
                left -= header.size
            if header.size < 0 or (header.type in EXTENDED and header.size > MAX_HEADER) or left < 0:
                raise PackageError("has a header of an impossible size")
            if header.type not in EXTENDED and header.type not in KINDS:
                what = REFUSED.get(header.type, f"of type {header.type!r}")
                raise PackageError(f"{header.name!r} is {what}; a plugin holds files, folders and links only")
            return header

    return tarfile.open(fileobj=file, mode="r:", tarinfo=Header, encoding="utf-8", errors="strict")


def _member(info: tarfile.TarInfo) -> Member:
    """The member with a plain path; a leading ``./`` is what tar writes for ``tar c .``."""
    name = info.name.removeprefix("./") if info.name != "." else "."
    path = name if name == "." else checked_path(name)
    kind = KINDS[info.type]
    if info.size < 0 or (kind != "file" and info.size) or info.issparse():
        raise PackageError(f"{path!r} has a header of an impossible size")
    if kind == "link":
        _check_link(path, info.linkname)
    if path == "." and kind != "folder":
        raise PackageError("'.' is not a folder")
    return Member(path, "program" if kind == "file" and info.mode & 0o100 else kind, info)


def _check_link(path: str, target: str) -> None:
    """A link's target by its text; where it really leads is checked once it is there."""
    leads = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if not target or target.startswith("/") or leads == ".." or leads.startswith("../"):
        raise PackageError(f"{path!r} is a link to {target!r}, outside the plugin's folder")
    if "\\" in target or not target.isprintable():
        raise PackageError(f"{path!r} is a link to {target!r}, which is not a plain path")


class Names:
    """The names seen: each once, whatever the case or Unicode form, and nothing below what is no folder."""

    def __init__(self) -> None:
        self._written: dict[str, str] = {}
        self._folders: set[str] = set()
        self._members: set[str] = set()

    def add(self, path: str, kind: Kind) -> None:
        """One more; raises PackageError for one that cannot stand beside the others."""
        parts = path.split("/")
        for end in range(1, len(parts)):
            self._add_folder("/".join(parts[:end]), path)
        if path in self._members or (kind != "folder" and path in self._folders):
            raise PackageError(f"{path!r} is there twice")
        self._add_written(path)
        self._members.add(path)
        if kind == "folder":
            self._folders.add(path)

    def _add_folder(self, path: str, below: str) -> None:
        """A folder that another path names."""
        if path in self._members and path not in self._folders:
            raise PackageError(f"{below!r} lies below {path!r}, which is not a folder")
        self._add_written(path)
        self._folders.add(path)

    def _add_written(self, path: str) -> None:
        known = self._written.setdefault(same_name(path), path)
        if known != path:
            raise PackageError(f"{path!r} and {known!r} are one name on some file systems")


def _end_of(info: tarfile.TarInfo) -> int:
    """Where the next header begins."""
    size = info.size if info.isreg() else 0
    return info.offset_data + -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _check_end(file: BinaryIO, end: int) -> None:
    """After the last member there are zeros, enough of them, and nothing else."""
    file.seek(end)
    zeros = 0
    while chunk := file.read(BLOCK):
        if chunk.strip(b"\0"):
            raise PackageError("holds data after its last file, or a damaged header")
        zeros += len(chunk)
    if zeros < END:
        raise PackageError("is cut short: its end is missing")
