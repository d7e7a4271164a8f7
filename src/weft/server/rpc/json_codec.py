"""net/rpc in JSON, as Go's net/rpc/jsonrpc has it: JSON-RPC 1.0. No I/O.

A call is ``{"method": "Service.Method", "params": [argument], "id": any}``, an answer ``{"id", "result", "error"}``.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from weft.errors import WrongArgument
from weft.gob import Basic, Sign, Slice, Struct, Type
from weft.server.rpc.calls import Call
from weft.server.rpc.json_stream import JsonStream, NotJson

_LONGEST_ID = 1024
_NULL = b"null"
_PYTHON: dict[Basic, type] = {Basic.STRING: str, Basic.BYTES: bytes}


class _Request(msgspec.Struct):
    method: str
    params: Raw = Raw(_NULL)
    id: Raw = Raw(_NULL)


class JsonCodec:
    """See ``calls.Codec``. ``most``: bytes of one call, in base64 what is base64."""

    def __init__(self, most: int) -> None:
        self._stream = JsonStream(most)

    def feed(self, data: bytes) -> None:
        """See ``calls.Codec``."""
        self._stream.feed(data)

    @property
    def waiting(self) -> int:
        """See ``calls.Codec``."""
        return self._stream.waiting

    def next_call(self, at_most: int | None = None) -> Call | Sign:
        """See ``calls.Codec``. Raises NotJson."""
        found = self._stream.next_object(at_most)
        if isinstance(found, Sign):
            return found
        try:
            request = msgspec.json.decode(found, type=_Request)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotJson(f'expected a call {{"method", "params", "id"}}: {error}') from None
        number = bytes(request.id)
        if len(number) > _LONGEST_ID:
            raise NotJson(f"the id of a call has {len(number)} bytes: {_LONGEST_ID} are the most")
        return Call(request.method, number, request.params)

    def argument(self, call: Call, kind: Type) -> Any:
        """See ``calls.Codec``."""
        if memoryview(call.argument) == _NULL:
            raise WrongArgument(f"{call.method}: params are missing: send a list of one argument")
        try:
            params = msgspec.json.decode(call.argument, type=list[Raw])
            return _fitted(params[0] if params else Raw(_NULL), kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WrongArgument(f"{call.method}: wrong params: {str(error).removesuffix(' - at `$`')}") from None

    def answer(self, call: Call, kind: Type, value: Any) -> bytes:
        """See ``calls.Codec``."""
        return _line(call.number, msgspec.json.encode(_named(value, kind)), _NULL)

    def refuse(self, call: Call, text: str) -> bytes:
        """See ``calls.Codec``."""
        return _line(call.number, _NULL, msgspec.json.encode(text))

    def last_words(self, text: str) -> bytes:
        """See ``calls.Codec``: an answer to no call."""
        return _line(_NULL, _NULL, msgspec.json.encode(text))


def _line(number: bytes, result: bytes, error: bytes) -> bytes:
    return b'{"id":%s,"result":%s,"error":%s}\n' % (number, result, error)


def _fitted(raw: Raw, kind: Type) -> Any:
    """The JSON value as ``kind``; names of fields go by their letters, whatever their case, as Go has it."""
    if isinstance(kind, Struct):
        fields = msgspec.json.decode(raw, type=dict[str, Raw] | None) or {}
        given = {name.lower(): value for name, value in fields.items()}
        return {name: _fitted(given.get(name.lower(), Raw(_NULL)), of) for name, of in kind.fields}
    if isinstance(kind, Slice):
        return [_fitted(each, kind.of) for each in msgspec.json.decode(raw, type=list[Raw] | None) or ()]
    assert isinstance(kind, Basic)
    found = msgspec.json.decode(raw, type=_PYTHON[kind] | None)
    return _PYTHON[kind]() if found is None else found


def _named(value: Any, kind: Type) -> Any:
    """A value with its fields' names as JSON has them: ``Name`` is ``name``, ``FileName`` ``fileName``."""
    if isinstance(kind, Slice):
        return [_named(each, kind.of) for each in value]
    if isinstance(kind, Struct):
        return {name[:1].lower() + name[1:]: _named(value[name], of) for name, of in kind.fields}
    return value
