"""Values to payload bytes and back: msgpack, by msgspec where the interpreter has it."""

from __future__ import annotations

from typing import Any, Callable, Tuple

from weft.wire import msgpack
from weft.wire.frames import Payload

CodecError = ValueError
"""What ``decode`` raises for bytes that are no msgpack; msgspec's DecodeError is a ValueError too."""

_LARGE = 8 * 1024
"""Bytes from which on a value is not copied into a payload."""

encode: Callable[[Any], bytes]
decode: Callable[[Payload], Any]

try:
    import msgspec.msgpack
except ImportError:
    encode, decode, ACCELERATED = msgpack.encode, msgpack.decode, False
else:
    encode, decode, ACCELERATED = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode, True


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
