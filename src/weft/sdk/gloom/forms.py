"""Bodies of forms: urlencoded (WHATWG), and multipart (RFC 7578) with files."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from email.utils import collapse_rfc2231_value
from typing import Dict, Iterator, List, Tuple
from urllib.parse import parse_qs

from weft.sdk.gloom.failures import HttpError

MAX_FIELDS = 1000
"""Fields and files of one form."""
MAX_PART_HEAD = 16 * 1024
"""Bytes of the headers of one of them."""

Fields = Dict[str, List[str]]


@dataclass(frozen=True)
class File:
    """A file that came with a form. ``name`` is what its sender calls it: never a path to write to."""

    name: str
    content_type: str
    content: bytes


Files = Dict[str, List[File]]


def parse_form(content_type: str, body: bytes) -> Tuple[Fields, Files]:
    """The fields and files of a form, each name with its values. Raises HttpError 400 or 415."""
    header = Message()
    header["content-type"] = content_type
    kind = header.get_content_type()
    if kind == "application/x-www-form-urlencoded":
        return parse_fields(body.decode("utf-8", "replace")), {}
    boundary = header.get_param("boundary")
    if kind != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise HttpError(415, f"expected a form, found {content_type or 'no content type'}")
    return _multipart(boundary.encode("utf-8", "replace"), body)


def parse_fields(text: str) -> Fields:
    """What a query or an urlencoded form says, each name with its values. Raises HttpError 400 for too many."""
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HttpError(400, f"more than {MAX_FIELDS} fields") from None


def _multipart(boundary: bytes, body: bytes) -> Tuple[Fields, Files]:
    fields: Fields = {}
    files: Files = {}
    for head, content in _parts(boundary, body):
        name = _parameter(head, "name")
        if name is None:
            raise HttpError(400, "a part of the form has no name")
        file_name = _parameter(head, "filename")
        if file_name is None:
            fields.setdefault(name, []).append(content.decode("utf-8", "replace"))
        else:
            kind = head.get("content-type", "application/octet-stream")
            files.setdefault(name, []).append(File(file_name, kind, content))
    return fields, files


def _parts(boundary: bytes, body: bytes) -> Iterator[Tuple[Message, bytes]]:
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_FIELDS + 2)
    if len(pieces) > MAX_FIELDS + 2:
        raise HttpError(400, f"more than {MAX_FIELDS} fields")
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return
        padding, line, part = piece.partition(b"\r\n")
        head, gap, content = (b"\r\n" + part).partition(b"\r\n\r\n")
        if padding.strip(b" \t") or not line or not gap or len(head) > MAX_PART_HEAD:
            break
        yield HeaderParser().parsestr(head.decode("utf-8", "replace").lstrip("\r\n")), content
    raise HttpError(400, "the form's body is not what its content type says")


def _parameter(head: Message, name: str) -> "str | None":
    value = head.get_param(name, header="content-disposition")
    return None if value is None else collapse_rfc2231_value(value)
