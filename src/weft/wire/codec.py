"""Values to payload bytes and back: msgpack, by msgspec where the interpreter has it."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

from weft.wire import msgpack
from weft.wire.frames import Payload

CodecError = ValueError
"""What ``decode`` raises for bytes that are no msgpack; msgspec's DecodeError is a ValueError too."""

_LARGE = 8 * 1024
"""Bytes from which on a value is not copied into a payload."""

encode: Callable[[Any], bytes]
decode: Callable[[Payload], Any]
decode_call: Callable[[Payload], Any]
"""Of a CALL: ``[method, args, streaming, timeout s or None, trace]``, checked. Raises ValueError as well."""


def _decode_call(payload: Payload) -> Any:
    value = msgpack.decode(payload)
    if not _is_call(value):
        raise CodecError("a call must be [method, args, streaming, timeout, trace]")
    return value


def _is_call(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 5
        and isinstance(value[0], str)
        and isinstance(value[1], list)
        and isinstance(value[2], bool)
        and (value[3] is None or isinstance(value[3], (int, float)))
    )


try:
    import msgspec.msgpack
except ImportError:
    encode, decode, decode_call, ACCELERATED = msgpack.encode, msgpack.decode, _decode_call, False
else:
    encode, decode, ACCELERATED = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode, True
    decode_call = msgspec.msgpack.Decoder(Tuple[str, List[Any], bool, Optional[float], Any]).decode


def encode_apart(value: Any) -> Tuple[bytes, bytes]:
    """The payload of ``value`` in two parts; the second is a large bytes value at its end, as it is, or empty.

    Large bytes are so sent without being copied: the value itself, or the last of a short tuple.
    """
    if type(value) is bytes and len(value) >= _LARGE:
        return _bytes_head(value), value
    if type(value) is tuple and 0 < len(value) < 16 and type(value[-1]) is bytes and len(value[-1]) >= _LARGE:
        *others, last = value
        return b"".join([bytes((0x90 | len(value),)), *map(encode, others), _bytes_head(last)]), last
    return encode(value), b""


def _bytes_head(value: bytes) -> bytes:
    return b"\xc6" + len(value).to_bytes(4, "big")
