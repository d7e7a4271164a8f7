"""Values to payload bytes and back: msgpack, by msgspec where the interpreter has it."""

from __future__ import annotations

from typing import Any, Callable

from weft.wire import msgpack

CodecError = ValueError
"""What ``decode`` raises for bytes that are no msgpack; msgspec's DecodeError is a ValueError too."""

encode: Callable[[Any], bytes]
decode: Callable[[bytes], Any]

try:
    import msgspec.msgpack
except ImportError:
    encode, decode, ACCELERATED = msgpack.encode, msgpack.decode, False
else:
    encode, decode, ACCELERATED = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode, True


def bytes_head(size: int) -> bytes:
    """The msgpack head of a bytes value of ``size``: with it, large bytes are sent without being copied."""
    return b"\xc6" + size.to_bytes(4, "big")
