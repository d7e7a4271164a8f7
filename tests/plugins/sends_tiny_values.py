"""Writes an answer on its own wire that nobody asked for: a list of as many empty lists as one value may have bytes."""

import os
import struct
import threading

WIRE = 3
FRAME = struct.Struct(">IBI")
RESULT, PART = 2, 10
CALL = 999_999
PIECE = b"\x90" * 256 * 1024
PIECES = 500


def write(kind, payload):
    rest = FRAME.pack(len(payload), kind, CALL) + payload
    while rest:
        rest = rest[os.write(WIRE, rest) :]


def flood():
    os.set_blocking(WIRE, True)
    write(PART, b"\xdd" + (len(PIECE) * PIECES).to_bytes(4, "big"))
    for _ in range(PIECES - 1):
        write(PART, PIECE)
    write(RESULT, PIECE)


async def app(scope, receive, send):
    assert scope["type"] == "http"
    threading.Thread(target=flood).start()
    while True:
        await receive()
