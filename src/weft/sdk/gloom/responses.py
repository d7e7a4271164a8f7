"""What a handler answers with."""

from __future__ import annotations

import json
import mimetypes
import os
import stat
from email.utils import formatdate
from http.cookies import SimpleCookie
from typing import IO, Any, Dict, List, Optional, Tuple
from urllib.parse import quote

from weft.sdk.gloom.failures import HttpError

TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
JSON, BINARY = "application/json", "application/octet-stream"
_RESERVED = ":/?#[]@!$&'()*+,;=%-._~"


class Response:
    """The answer to one request; every method but ``get`` returns it again.

    A handler's result becomes its body: str (HTML), bytes, a dict or list (JSON), None (nothing; 204 where no status
    was set), a generator or asynchronous generator of bytes or str (a stream), a tuple ``(status, body)`` or
    ``(status, body, headers)``, or the response itself.
    """

    def __init__(self) -> None:
        self.code: Optional[int] = None
        self.headers: List[Tuple[str, str]] = []
        self.body: Any = None
        """bytes, an open file, an iterable or an asynchronous one; None for none."""
        self.content_type = ""
        self.length: Optional[int] = None
        """Bytes of a file, of which no more is sent."""

    def status(self, code: int) -> "Response":
        """Answer with that status."""
        self.code = code
        return self

    def get(self, name: str) -> Optional[str]:
        """The last value of a header that was set."""
        return next((value for its, value in reversed(self.headers) if its.lower() == name.lower()), None)

    def set(self, name: str, value: str) -> "Response":
        """Set a header, in place of those of its name."""
        if name.lower() == "content-type":
            return self.type(value)
        self.headers = [each for each in self.headers if each[0].lower() != name.lower()]
        return self.append(name, value)

    def append(self, name: str, value: str) -> "Response":
        """Set a header beside those of its name."""
        self.headers.append((name, str(value)))
        return self

    def type(self, content_type: str) -> "Response":
        """Say what the body is: ``text/css``, or the end of a file's name that means it (``css``)."""
        known = None if "/" in content_type else mimetypes.guess_type(f"file.{content_type.lstrip('.')}")[0]
        self.content_type = known or content_type
        return self

    def cookie(self, name: str, value: str, **attributes: Any) -> "Response":
        """Set a cookie, with ``max_age``, ``expires``, ``path``, ``domain``, ``secure``, ``httponly``, ``samesite``."""
        jar: SimpleCookie = SimpleCookie({name: value})
        for key, attribute in {"path": "/", **attributes}.items():
            if attribute is not None:
                jar[name][key.replace("_", "-")] = attribute
        return self.append("set-cookie", jar[name].OutputString())

    def clear_cookie(self, name: str, **attributes: Any) -> "Response":
        """Make the client forget a cookie."""
        return self.cookie(name, "", **{**attributes, "max_age": 0})

    def text(self, text: str) -> "Response":
        """Plain text."""
        return self._with(TEXT, text.encode())

    def html(self, text: str) -> "Response":
        """HTML."""
        return self._with(HTML, text.encode())

    def json(self, value: Any) -> "Response":
        """JSON of dicts, lists, str, numbers, bool and None."""
        return self._with(JSON, json.dumps(value).encode())

    def binary(self, content: bytes) -> "Response":
        """Bytes as they are."""
        return self._with(BINARY, content)

    def stream(self, pieces: Any) -> "Response":
        """What an iterable, or an asynchronous one, gives piece by piece: bytes or str."""
        return self._with(BINARY, pieces)

    def redirect(self, location: str, status: int = 302) -> "Response":
        """Send the client elsewhere."""
        self.body = None
        return self.status(status).set("location", quote(location, safe=_RESERVED))

    def download(self, path: Any, name: Optional[str] = None) -> "Response":
        """A file, to be saved under its own name or another."""
        shown = quote(name or os.path.basename(path))
        return self.file(path).set("content-disposition", f"attachment; filename*=UTF-8''{shown}")

    def file(self, path: Any) -> "Response":
        """A file, its type told by its name; a client may ask for a part of it, or whether it has changed.

        Raises HttpError 404 where there is none. Call it in a ``def`` handler.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except (OSError, ValueError):
            raise HttpError(404) from None
        return self.opened(open(descriptor, "rb"), os.fspath(path))

    def opened(self, file: "IO[bytes]", name: str) -> "Response":
        """What an open file holds. Raises HttpError 404 for what is no regular file."""
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            file.close()
            raise HttpError(404)
        kind, encoding = mimetypes.guess_type(name)
        self._with(BINARY if kind is None or encoding else _text_type(kind), file)
        self.length = status.st_size
        self.set("accept-ranges", "bytes").set("etag", f'"{status.st_mtime_ns:x}-{status.st_size:x}"')
        return self.set("last-modified", formatdate(status.st_mtime, usegmt=True))

    def _with(self, content_type: str, body: Any) -> "Response":
        self.content_type = self.content_type or content_type
        self.code = self.code or 200
        self.body = body
        self.length = None
        return self

    def take(self, answer: Any) -> "Response":
        """Make a handler's result the answer. Raises TypeError for what cannot be one."""
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, tuple):
            self._take_tuple(*answer)
        elif isinstance(answer, str):
            self.html(answer)
        elif isinstance(answer, (bytes, bytearray, memoryview)):
            self.binary(bytes(answer))
        elif hasattr(answer, "__next__") or hasattr(answer, "__anext__"):
            self.stream(answer)
        elif answer is not None:
            self.json(answer)
        return self

    def _take_tuple(self, status: int, body: Any, headers: Optional[Dict[str, str]] = None) -> None:
        self.status(status).take(body)
        for name, value in (headers or {}).items():
            self.set(name, value)

    def head(self) -> Tuple[int, List[Tuple[bytes, bytes]]]:
        """Status and headers, as ASGI has them."""
        code = self.code or (204 if self.body is None else 200)
        pairs = list(self.headers)
        if self.body is not None:
            pairs += [("content-type", self.content_type)] if self.content_type else []
            pairs += [] if self.length is None else [("content-length", str(self.length))]
        return code, [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


def _text_type(kind: str) -> str:
    textual = kind.startswith("text/") or kind in ("application/javascript", "image/svg+xml")
    return f"{kind}; charset=utf-8" if textual else kind
