"""The files of all releases, by digest: written once, never changed, checked before they are used."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from weft.errors import PackageError, StorageFailed
from weft.packages.digests import PREFIX, differences, digest_hex, digest_index, index_nodes
from weft.packages.durable import remove_tree, sync_folder
from weft.packages.tree import Node, walk

FILES = "files"
INDEX = "index"
PARTIAL = ".partial-"
"""Prefix of folders that are being written or removed."""
SHOWN = 5
"""Changed files that an error names."""


class ContentStore:
    """``ROOT/<hex>/files``: the plugin's folder, read-only; ``ROOT/<hex>/index``: what must be in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, folder: Path) -> str:
        """Keep a copy of a plugin's folder, durably, and give its digest; whole or not at all.

        Nothing is done where the same content is there and sound; a damaged copy is replaced. Raises PackageError
        for what no plugin may hold, StorageFailed where it cannot be written (a full disk …).
        """
        with self.workspace(f"{folder} could not be stored") as partial:
            copy = partial / FILES
            nodes = walk(folder)
            _copy(folder, copy, nodes)
            index = index_nodes(copy, nodes)
            with (partial / INDEX).open("xb") as file:
                file.write(index.encode())
                _sync_file(file)
            sync_folder(partial)
            partial.chmod(0o755)
            digest = digest_index(index)
            self._settle(partial, digest)
        return digest

    def path(self, digest: str) -> Path:
        """Where the plugin's folder with this digest is (or would be)."""
        return self.root / digest_hex(digest) / FILES

    def verify(self, digest: str) -> None:
        """Raises PackageError, naming the files, unless all files are there as they were stored."""
        folder = self.path(digest)
        try:
            index = (folder.parent / INDEX).read_bytes().decode()
            if digest_index(index) != digest:
                raise PackageError(f"release {digest}: its index was changed; deploy the plugin again")
            found = index_nodes(folder, walk(folder, everything=True))
        except (OSError, UnicodeDecodeError) as error:
            raise PackageError(f"release {digest}: could not be read: {error}; deploy the plugin again") from error
        if changed := differences(index, found):
            more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
            raise PackageError(
                f"release {digest}: files differ from what was stored: {', '.join(changed[:SHOWN])}{more}; "
                "deploy the plugin again"
            )

    def remove(self, digest: str) -> None:
        """Forget a release; nothing where it is not there. Raises StorageFailed."""
        target = self.path(digest).parent
        with self.workspace(f"release {digest} could not be removed") as partial:
            try:
                target.rename(partial / "removed")
            except FileNotFoundError:
                return
            sync_folder(self.root)

    def digests(self) -> set[str]:
        """All that is kept. Raises StorageFailed."""
        try:
            names = [entry.name for entry in self.root.iterdir()] if self.root.is_dir() else []
        except OSError as error:
            raise StorageFailed(f"{self.root} could not be read: {error}") from error
        return {PREFIX + name for name in names if len(name) == 64}

    def sweep(self) -> None:
        """Remove what a crash or a failure left half written or half removed. Raises StorageFailed.

        Only while nobody else adds or removes.
        """
        try:
            for partial in self.root.glob(f"{PARTIAL}*"):
                remove_tree(partial)
        except OSError as error:
            raise StorageFailed(f"what is left in {self.root} could not be removed: {error}") from error

    @contextmanager
    def workspace(self, failure: str) -> Iterator[Path]:
        """A folder to work in, gone afterwards or with the next ``sweep``; an OSError in it becomes StorageFailed."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=self.root, prefix=PARTIAL))
            try:
                yield partial
            finally:
                remove_tree(partial)
        except OSError as error:
            raise StorageFailed(f"{failure}: {error}") from error

    def _settle(self, partial: Path, digest: str) -> None:
        """Put the finished copy in its place, unless a sound one is there already."""
        target = self.path(digest).parent
        if target.exists():
            try:
                self.verify(digest)
            except PackageError:
                self.remove(digest)
            else:
                return
        try:
            partial.rename(target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            self.verify(digest)  # another call has just stored the same content
        sync_folder(self.root)


def _copy(source: Path, target: Path, nodes: list[Node]) -> None:
    """Copy the nodes, read-only and flushed to disk; folders are closed last, from the inside out."""
    target.mkdir()
    for node in nodes:
        place = target / node.path
        if node.kind == "folder":
            place.mkdir()
        elif node.kind == "link":
            place.symlink_to(node.target)
        else:
            _copy_file(source / node.path, place, 0o555 if node.kind == "program" else 0o444)
    for folder in [target / node.path for node in reversed(nodes) if node.kind == "folder"] + [target]:
        sync_folder(folder)
        folder.chmod(0o555)


def _copy_file(source: Path, target: Path, mode: int) -> None:
    """A durable copy; a file that has become a link meanwhile is not followed."""
    with os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW), "rb") as content, target.open("xb") as copy:
        shutil.copyfileobj(content, copy)
        _sync_file(copy)
    target.chmod(mode)


def _sync_file(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
