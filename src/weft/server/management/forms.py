"""Receives a multipart form whose file goes to the disk as it arrives, bounded, and is removed whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from weft.errors import StorageFailed, UsageError

FILE_FIELD = "plugin"
_MOST_FIELDS = 64
_FIELD_BYTES = 1024 * 1024

Workspace = Callable[[], AbstractAsyncContextManager[Path]]
"""Makes a private folder, which is removed in the end."""


class TooLarge(UsageError):  # noqa: N818 - as the tree of weft.errors
    """The upload is larger than ``management.max_upload_bytes``."""


@dataclass
class Form:
    """A received form: the file ``plugin``, where there was one, and the values of the other fields."""

    folder: Path
    """A private folder that is removed with the form."""
    file: Path | None = None
    filename: str = ""
    fields: dict[str, list[bytes]] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """The first value of a field, or None. Raises UsageError when it is no UTF-8."""
        return next(iter(self.texts(name)), None)

    def texts(self, name: str) -> list[str]:
        """Every value of a field."""
        try:
            return [value.decode() for value in self.fields.get(name, [])]
        except UnicodeDecodeError:
            raise UsageError(f"field {name!r} is not UTF-8 text") from None


@asynccontextmanager
async def receive(request: Request, workspace: Workspace, *, most: int) -> AsyncIterator[Form]:
    """The form of ``request``, its file in a folder of its own.

    Raises UsageError for what is no whole form, TooLarge past ``most`` bytes, StorageFailed when the disk is full.
    """
    boundary = _boundary(request)
    async with workspace() as folder:
        reader = _Reader(boundary, Form(folder), most)
        try:
            async for chunk in request.stream():
                await asyncio.to_thread(reader.feed, chunk)
            yield reader.finish()
        finally:
            reader.close()


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise UsageError("send the plugin as multipart/form-data, in a file field named 'plugin'")
    return boundary


class _Reader:
    """Takes the parser's callbacks. Used by one thread at a time."""

    def __init__(self, boundary: bytes, form: Form, most: int) -> None:
        self._form = form
        self._most = most
        self._file: BinaryIO | None = None
        self._field = bytearray()
        self._header = [bytearray(), bytearray()]
        self._name = ""
        self._parts = 0
        self._received = 0
        self._whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        self._received += len(chunk)
        if self._received > self._most:
            raise TooLarge(
                f"the upload is larger than {self._most} bytes: pack less, or raise management.max_upload_bytes"
            )
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise UsageError(f"the upload is not a valid multipart form: {error}") from error
        except OSError as error:
            raise StorageFailed(f"cannot keep the upload in {self._form.folder}: {error.strerror}") from error

    def finish(self) -> Form:
        if not self._whole:
            raise UsageError("the upload ended before its form did: send it again, whole")
        return self._form

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > _MOST_FIELDS:
            raise UsageError(f"the form has more than {_MOST_FIELDS} fields")
        self._name = ""
        self._field.clear()

    def _header_end(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._header = [bytearray(), bytearray()]
        if name.lower() == b"content-disposition":
            _, options = parse_options_header(value)
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
            if self._name == FILE_FIELD and b"filename" in options:
                self._form.filename = options[b"filename"].decode("utf-8", "replace")

    def _headers_finished(self) -> None:
        if self._name != FILE_FIELD:
            return
        if self._form.file is not None:
            raise UsageError(f"the form has two files {FILE_FIELD!r}: send one plugin at a time")
        self._form.file = self._form.folder / "upload"
        self._file = self._form.file.open("xb")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE_FIELD and self._file is not None:
            self._file.write(memoryview(data)[start:end])
            return
        self._field += data[start:end]
        if len(self._field) > _FIELD_BYTES:
            raise UsageError(f"field {self._name!r} is larger than {_FIELD_BYTES} bytes")

    def _part_end(self) -> None:
        if self._name == FILE_FIELD and self._file is not None:
            self._file.close()
        else:
            self._form.fields.setdefault(self._name, []).append(bytes(self._field))

    def _end(self) -> None:
        self._whole = True
