"""Feeds changed streams to the readers of what comes from outside: each ends in values or a named error.

Prints one line per reader; exits 1, with the stream, where one crashes, takes long, or makes the process grow.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from weft.errors import WeftError, WrongArgument
from weft.gob import NEED_DATA, Basic, Decoder, Sign
from weft.server.rpc.calls import Codec
from weft.server.rpc.gloom_rpc import UPLOAD
from weft.server.rpc.gob_codec import GobCodec
from weft.server.rpc.json_codec import JsonCodec

ROOT = Path(__file__).parents[1]
LONG = 5.0
"""Seconds that no stream may take."""
GROWTH = 64 * 1024 * 1024
"""Bytes of memory that all streams together may add, at any moment."""
Reader = Callable[[Sequence[bytes]], None]
"""Takes a stream as it arrives, in pieces. Raises WeftError for one that is not what it should be."""


def read_gob(pieces: Sequence[bytes]) -> None:
    decoder = Decoder()
    for piece in pieces:
        decoder.feed(piece)
        while decoder.next_value() is not NEED_DATA:
            pass
    decoder.end()


def gobs() -> list[bytes]:
    """Streams that Go wrote."""
    lines = (ROOT / "tests/gob/golden.txt").read_text().splitlines()
    return [bytes.fromhex(line.split()[1]) for line in lines]


def read_calls(codec: Codec, pieces: Sequence[bytes]) -> None:
    """Each call with its argument, whatever it is for."""
    for piece in pieces:
        codec.feed(piece)
        while not isinstance(call := codec.next_call(), Sign):
            for kind in (UPLOAD, Basic.STRING):
                with suppress(WrongArgument):
                    codec.argument(call, kind)


def json_calls() -> list[bytes]:
    """Streams as Go's clients send them, and with what JSON has besides."""
    upload = {"FileName": "a.py", "name": "a", "domains": ["a.localhost", "b"], "data": "YXBwID0gMQ=="}
    calls: list[dict[str, object]] = [
        {"method": "GloomRPC.ListPlugins", "params": [{}], "id": 0},
        {"method": "GloomRPC.UploadPlugin", "params": [upload], "id": 1},
        {"method": "GloomRPC.DeletePlugin", "params": ['a"\\ü\n'], "id": "b"},
        {"method": "GloomRPC.Nope", "params": [None, True, -1.5e3, [[{"a": {}}]]], "id": None},
    ]
    lines = [json.dumps(call).encode() + b"\n" for call in calls]
    return [*lines, b"".join(lines)]


Readers = Mapping[str, tuple[Reader, Callable[[], list[bytes]]]]
"""Each with the streams that are changed."""
READERS: Readers = {
    "gob": (read_gob, gobs),
    "rpc in gob": (lambda pieces: read_calls(GobCodec(2**20), pieces), gobs),
    "rpc in JSON": (lambda pieces: read_calls(JsonCodec(2**20), pieces), json_calls),
}


# --- changing streams -----------------------------------------------------------------------------------------------

NUMBERS = [
    b"\0",
    b"\1",
    b"\x7f",
    b"\xff\x80",
    b"\xff\xff",
    b"\xfe\xff\xff",
    b"\xfc\x7f\xff\xff\xff",
    b"\xf8" + b"\xff" * 8,
]


def changed(stream: bytes, corpus: Sequence[bytes], chance: random.Random) -> bytes:
    """The stream with one to eight places changed, or pieces of others in it."""
    data = bytearray(stream)
    for _ in range(chance.choice([1, 1, 1, 2, 4, 8])):
        at, size = chance.randrange(len(data) + 1), chance.choice([0, 0, 1, 1, 2, 8])
        other = chance.choice(corpus)
        begin = chance.randrange(len(other) + 1)
        data[at : at + size] = chance.choice(
            [
                b"",
                chance.randbytes(chance.randint(1, 4)),
                chance.choice(NUMBERS),
                other[begin : begin + chance.randint(1, 40)],
                bytes(data[at : at + 20]) * chance.choice([2, 200]),
            ]
        )
    return bytes(data[: 64 * 1024])


def in_pieces(stream: bytes, chance: random.Random) -> list[bytes]:
    """As a network may deliver it."""
    cuts = sorted(chance.randrange(len(stream) + 1) for _ in range(chance.choice([0, 0, 1, 5])))
    return [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


# --- the run --------------------------------------------------------------------------------------------------------


class Hang(Exception):  # noqa: N818 - names what it finds
    """A stream took longer than LONG."""


def _hang(*_: object) -> None:
    raise Hang(f"it takes more than {LONG:g} s")


@contextmanager
def bounded() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, _hang)
    signal.setitimer(signal.ITIMER_REAL, LONG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def most_memory() -> int:
    """Bytes that this process ever had at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def fuzz(name: str, seconds: float, seed: int, readers: Readers = READERS) -> tuple[int, int]:
    """How many streams were read, and how many of them to their end. Raises AssertionError for what must not be."""
    read, corpus_of = readers[name]
    corpus, chance = corpus_of(), random.Random(f"{name} {seed}")
    deadline, before = time.monotonic() + seconds, most_memory()
    count = whole = 0
    while time.monotonic() < deadline:
        stream = changed(chance.choice(corpus), corpus, chance)
        count += 1
        try:
            with bounded():
                read(in_pieces(stream, chance))
            whole += 1
        except WeftError:
            pass
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}, stream {count}: {error!r}: {stream.hex()}") from error
        grown = most_memory() - before
        assert grown < GROWTH, f"{name}, seed {seed}, stream {count}: {grown} bytes more: {stream.hex()}"
    return count, whole


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for all readers together")
    parser.add_argument("--only", action="append", choices=READERS, help="one reader; may be given again")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    options = parser.parse_args()
    names = options.only or list(READERS)
    for name in names:
        try:
            count, whole = fuzz(name, options.seconds / len(names), options.seed)
        except AssertionError as error:
            print(error)
            return 1
        print(f"{name}: {count} streams, {whole} to their end, the others a named error (seed {options.seed})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
