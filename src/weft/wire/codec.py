"""Values to payload bytes and back: msgpack, by msgspec where the interpreter has it."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

from weft.wire.frames import Payload

CodecError = ValueError
"""What ``decode`` raises for bytes that are no msgpack; msgspec's DecodeError is a ValueError too."""

_LARGE = 8 * 1024
"""Bytes from which on a value is not copied into a payload."""

encode: Callable[[Any], bytes]
decode: Callable[[Payload], Any]
decode_call: Callable[[Payload], Any]
"""Of a CALL: ``[method, streaming, timeout s or None, trace, args]``, checked. Raises ValueError as well."""


def _decode_call(payload: Payload) -> Any:
    value = decode(payload)
    if not _is_call(value):
        raise CodecError("a call must be [method, streaming, timeout, trace, args]")
    return value


def _is_call(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 5
        and isinstance(value[0], str)
        and isinstance(value[1], bool)
        and (value[2] is None or isinstance(value[2], (int, float)))
        and isinstance(value[4], list)
    )


try:
    import msgspec.msgpack
except ImportError:
    from weft.wire import msgpack  # where it is not needed it is not even loaded

    encode, decode, decode_call, ACCELERATED = msgpack.encode, msgpack.decode, _decode_call, False
else:
    encode, decode, ACCELERATED = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode, True
    decode_call = msgspec.msgpack.Decoder(Tuple[str, bool, Optional[float], Any, List[Any]]).decode


def encode_apart(value: Any) -> Tuple[bytes, bytes]:
    """The payload of ``value`` in two parts; the second is a large bytes value at its end, as it is, or empty.

    Large bytes are so sent without being copied: the value itself, the last of a short tuple, or the last of a short
    list or tuple at the end of that.
    """
    kind = type(value)
    if kind is tuple and value:
        last = value[-1]
        inner = type(last)
        if inner is bytes:
            if len(last) >= _LARGE:
                return _apart(value)
        elif (inner is tuple or inner is list) and last and type(last[-1]) is bytes and len(last[-1]) >= _LARGE:
            return _apart(value)
    elif kind is bytes and len(value) >= _LARGE:
        return _bytes_head(value), value
    return encode(value), b""


def _apart(value: Any) -> Tuple[bytes, bytes]:
    heads: List[bytes] = []
    while type(value) is not bytes:
        if len(value) > 15:
            return b"".join((*heads, encode(value))), b""
        *others, last = value
        heads += (bytes((0x90 | len(value),)), *map(encode, others))
        value = last
    return b"".join((*heads, _bytes_head(value))), value


def _bytes_head(value: bytes) -> bytes:
    return b"\xc6" + len(value).to_bytes(4, "big")
