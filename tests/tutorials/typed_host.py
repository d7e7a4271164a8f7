"""A host as a type checker sees it: see test_types.py. An ``ignore`` stands where there must be an error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Protocol, assert_type

import weft
import weft.sync


@weft.contract
class Thumbnailer(Protocol):
    """Makes small pictures of large ones."""

    formats: list[str]

    async def thumbnail(self, image: bytes, width: int) -> bytes: ...
    def frames(self, video: bytes) -> AsyncIterator[bytes]: ...


@weft.contract(name="thumbnailer")
class PlainThumbnailer(Protocol):
    """The same, for a host that does not wait."""

    formats: list[str]

    def thumbnail(self, image: bytes, width: int) -> bytes: ...
    def frames(self, video: bytes) -> Iterator[bytes]: ...


async def asynchronous() -> None:
    async with weft.Engine(contracts=[Thumbnailer]) as engine:
        assert_type(await engine.load("plugins/"), tuple[weft.Plugin, ...])
        thumbs = engine.use(Thumbnailer, "fast-thumbs")
        assert_type(thumbs, Thumbnailer)
        assert_type(engine.all(Thumbnailer), dict[str, Thumbnailer])
        assert_type(thumbs.formats, list[str])
        with weft.deadline(2.0):
            assert_type(await thumbs.thumbnail(b"picture", width=200), bytes)
        async for frame in thumbs.frames(b"video"):
            assert_type(frame, bytes)
        await thumbs.thumbnail("picture", width=200)  # type: ignore[arg-type]
        await thumbs.thumbnail(b"picture", height=200)  # type: ignore[call-arg]
        await thumbs.enlarge(b"picture")  # type: ignore[attr-defined]


def synchronous() -> None:
    with weft.sync.Engine(contracts=[PlainThumbnailer]) as engine:
        assert_type(engine.load("plugins/"), tuple[weft.Plugin, ...])
        thumbs = engine.use(PlainThumbnailer)
        assert_type(thumbs, PlainThumbnailer)
        assert_type(engine.all(PlainThumbnailer), dict[str, PlainThumbnailer])
        assert_type(thumbs.thumbnail(b"picture", width=200), bytes)
        for frame in thumbs.frames(b"video"):
            assert_type(frame, bytes)
        thumbs.thumbnail(b"picture", width="200")  # type: ignore[arg-type]
        try:
            thumbs.thumbnail(b"picture", width=200)
        except weft.PluginError as error:
            assert_type(error.plugin, str)
