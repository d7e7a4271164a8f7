"""The files that loaded plugins run from: copies that nobody changes, each kept as long as something runs on it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from secrets import token_hex
from typing import ParamSpec, TypeVar

from weft.engine.finished import finished
from weft.errors import PackageError, StorageFailed
from weft.manifest import Manifest, check_placed, find_plugins
from weft.manifest.installed import installed_folder, read_installed
from weft.packages.checkout import Checkouts
from weft.packages.contents import ContentStore
from weft.packages.durable import remove_tree
from weft.packages.exclusive import exclusive_if_free
from weft.packages.programs import quiet
from weft.packages.sources import Source, open_source, stored_manifest
from weft.types import Progress

_OPENING = "opening-"
"""Prefix of folders in which something is unpacked and fetched."""
T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True)
class Copied:
    """A plugin whose files are safe from changes. ``source`` is what it was copied from; ``note``: see Source."""

    source: Path
    manifest: Manifest
    folder: Path
    digest: str
    note: str = ""


class Files:
    """The copies of one engine, below ``root``; those of engines that crashed are removed when the first is made.

    What a source holds may change at any time: what runs is read from its copy, the manifest included.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own = ExitStack()
        self._contents: ContentStore | None = None
        self._pins: Counter[str] = Counter()
        self._opening: set[Path] = set()
        self._one = asyncio.Lock()
        self._checkouts = Checkouts(self._read)

    async def find(self, source: Path) -> list[Path]:
        """The plugins at ``source``: itself, or those in the folder that it is. Raises ManifestError, PackageError."""
        return await self._read(_find, source)

    async def check_placed(self, source: Path) -> None:
        """See manifest.check_placed. Raises ManifestError."""
        await self._read(check_placed, source)

    @asynccontextmanager
    async def copied(
        self,
        source: Path,
        name: str | None,
        progress: Progress = quiet,
        fetching: Callable[[Manifest], None] = lambda _manifest: None,
    ) -> AsyncIterator[Copied]:
        """A copy of the plugin at ``source``, kept while this is open and while a release uses it.

        Code from a repository is fetched for it, once ``fetching`` has been told what is known of it. Raises
        ManifestError, PackageError, UsageError (names), StorageFailed.
        """
        copied = await self._copied(source, name, progress, fetching)
        try:
            yield copied
        finally:
            self._pins[copied.digest] -= 1

    async def installed(self, point: EntryPoint, name: str | None) -> Copied:
        """A plugin that is installed in this interpreter: it runs where it is. Raises ManifestError."""
        return await self._read(_installed, point, name)

    async def collect(self, in_use: Callable[[], Collection[str]]) -> None:
        """Remove what is neither in ``in_use()`` nor being loaded. Raises StorageFailed."""
        async with self._one:
            if self._contents is not None:
                await finished(self._remove, self._contents, {*in_use(), *+self._pins})

    async def close(self) -> None:
        """Remove everything."""
        async with self._one:
            await finished(self._own.close)

    async def _copied(
        self, source: Path, name: str | None, progress: Progress, fetching: Callable[[Manifest], None]
    ) -> Copied:
        try:
            contents, work = await self._read(self._workspace)
            try:
                opened = await self._read(open_source, source, name, work)
                if opened.manifest.git is not None:
                    fetching(opened.manifest)
                opened = await self._checkouts.complete(opened, work, progress)
                async with self._one:  # with the pin: a removal waits for both
                    copied = await finished(_kept, contents, source, opened)
                    self._pins[copied.digest] += 1
                return copied
            finally:
                try:
                    await finished(remove_tree, work)
                finally:
                    self._opening.discard(work)  # where it could not be removed, the next removal tries again
        except OSError as error:
            raise StorageFailed(f"{source} could not be copied to {self._root}: {error}") from error

    async def _read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``function`` returns: CPython 3.11's parser must not run in several threads at once."""
        async with self._one:
            return await finished(function, *args, **kwargs)

    # In a thread.

    def _workspace(self) -> tuple[ContentStore, Path]:
        """The copies, and a folder to unpack and fetch in, which is the caller's to remove."""
        contents = self._contents = self._contents or self._open()
        work = Path(tempfile.mkdtemp(prefix=_OPENING, dir=contents.root))
        self._opening.add(work)
        return contents, work

    def _open(self) -> ContentStore:
        """A folder of our own, locked as long as we live."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()
        folder = self._root / token_hex(8)
        while not self._own.enter_context(exclusive_if_free(folder.with_suffix(".lock"))):
            continue  # another engine looks at this moment whether it was left behind
        folder.mkdir()
        contents = ContentStore(folder)
        self._own.callback(_clear, contents, folder)
        return contents

    def _sweep(self) -> None:
        for lock in self._root.glob("*.lock"):
            with exclusive_if_free(lock) as free:
                if free:
                    _clear(ContentStore(lock.with_suffix("")), lock.with_suffix(""))

    def _remove(self, contents: ContentStore, needed: set[str]) -> None:
        contents.sweep()
        try:
            for left in {*contents.root.glob(f"{_OPENING}*")} - self._opening:
                remove_tree(left)
        except OSError as error:
            raise StorageFailed(f"what is left in {contents.root} could not be removed: {error}") from error
        for digest in contents.digests() - needed:
            contents.remove(digest)


def _installed(point: EntryPoint, name: str | None) -> Copied:
    manifest = read_installed(point, name=name)
    folder = installed_folder(point)
    return Copied(folder, manifest, folder, f"installed:{point.value}=={manifest.version}")


def _kept(contents: ContentStore, source: Path, opened: Source) -> Copied:
    digest = contents.add(opened.folder)
    folder = contents.path(digest)
    return Copied(source, stored_manifest(folder, opened.manifest.name), folder, digest, opened.note)


def _find(source: Path) -> list[Path]:
    try:
        return find_plugins(source)
    except OSError as error:
        raise PackageError(f"{source}: could not be read: {error.strerror or error}") from error


def _clear(contents: ContentStore, folder: Path) -> None:
    contents.sweep()
    for digest in contents.digests():
        contents.remove(digest)
    shutil.rmtree(folder, ignore_errors=True)
