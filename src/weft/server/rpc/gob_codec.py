"""net/rpc in gob: a Request and its argument, a Response and its value, each a gob of one stream. No I/O."""

from __future__ import annotations

from typing import Any

from weft.errors import WrongArgument
from weft.gob import Basic, Decoder, Encoder, Limits, Malformed, Sign, Slice, Struct, Type
from weft.server.rpc.calls import Call

RESPONSE = Struct("Response", (("ServiceMethod", Basic.STRING), ("Seq", Basic.UINT), ("Error", Basic.STRING)))
NOTHING = Struct("InvalidRequest")
"""Stands for the value in an answer that has none."""
_PYTHON = {Basic.STRING: str, Basic.BYTES: bytes}


class GobCodec:
    """See ``calls.Codec``. ``most``: bytes of one message."""

    def __init__(self, most: int) -> None:
        limits = Limits(message_bytes=most, values=20_000, depth=16, types=64, description_bytes=64 * 1024, pieces=1)
        self._decoder = Decoder(limits)
        self._encoder = Encoder()
        self._header: dict[str, Any] | None = None

    def feed(self, data: bytes) -> None:
        """See ``calls.Codec``."""
        self._decoder.feed(data)

    @property
    def waiting(self) -> int:
        """See ``calls.Codec``."""
        return self._decoder.waiting + (self._header is not None)

    def next_call(self, at_most: int | None = None) -> Call | Sign:
        """See ``calls.Codec``. Raises Malformed, OverLimit."""
        if self._header is None:
            header = self._decoder.next_value(at_most)
            if isinstance(header, Sign):
                return header
            self._header = _checked(header)
        argument = self._decoder.next_value(at_most)
        if isinstance(argument, Sign):
            return argument
        call = self._call(argument)
        self._header = None
        return call

    def _call(self, argument: Any) -> Call:
        assert self._header is not None
        return Call(self._header.get("ServiceMethod", ""), self._header.get("Seq", 0), argument)

    def argument(self, call: Call, kind: Type) -> Any:
        """See ``calls.Codec``."""
        return _fitted(call.argument, kind, call.method)

    def answer(self, call: Call, kind: Type, value: Any) -> bytes:
        """See ``calls.Codec``."""
        header = {"ServiceMethod": call.method, "Seq": call.number}
        return self._encoder.encode(RESPONSE, header) + self._encoder.encode(kind, value)

    def refuse(self, call: Call, text: str) -> bytes:
        """See ``calls.Codec``."""
        header = {"ServiceMethod": call.method, "Seq": call.number, "Error": text}
        return self._encoder.encode(RESPONSE, header) + self._encoder.encode(NOTHING, {})

    def last_words(self, text: str) -> bytes:
        """Of the call whose argument cannot be read; there is no other way to tell."""
        return b"" if self._header is None else self.refuse(self._call(None), text)


def _checked(header: Any) -> dict[str, Any]:
    fits = isinstance(header, dict) and isinstance(header.get("ServiceMethod", ""), str)
    number = header.get("Seq", 0) if fits else None
    if not isinstance(number, int) or number < 0:
        raise Malformed("expected a request {ServiceMethod string, Seq uint64}")
    assert isinstance(header, dict)
    return header


def _fitted(value: Any, kind: Type, method: str) -> Any:
    """``value`` as ``kind``, with what gob leaves out; fields that the type has not are passed over."""
    if isinstance(kind, Struct) and isinstance(value, dict | None):
        given = value or {}
        return {name: _fitted(given.get(name), of, method) for name, of in kind.fields}
    if isinstance(kind, Slice) and isinstance(value, list | None):
        return [_fitted(each, kind.of, method) for each in value or ()]
    if isinstance(kind, Basic):
        expected = _PYTHON[kind]
        found = expected() if value is None else value
        if isinstance(found, expected):
            return found
    raise WrongArgument(f"{method}: expected {spelt(kind)}, found {type(value).__name__}")


def spelt(kind: Type) -> str:
    """A type as Go has it."""
    if isinstance(kind, Struct):
        return "struct {" + "; ".join(f"{name} {spelt(of)}" for name, of in kind.fields) + "}"
    if isinstance(kind, Slice):
        return f"[]{spelt(kind.of)}"
    return "[]byte" if kind is Basic.BYTES else str(kind).rpartition(".")[2].lower()
