"""Streams of Go's own making."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.gob import NEED_DATA, Decoder


@pytest.fixture(scope="session")
def decoded():
    """``decoded(stream, limits)``: every value of a whole stream."""

    def decode(stream, limits=None):
        decoder = Decoder(limits)
        decoder.feed(stream)
        found = []
        while (value := decoder.next_value()) is not NEED_DATA:
            found.append(value)
        decoder.end()
        return found

    return decode


@pytest.fixture(scope="session")
def golden():
    """What ``gobs golden`` printed: streams by name."""
    lines = (Path(__file__).parent / "golden.txt").read_text().splitlines()
    return {name: bytes.fromhex(stream) for name, stream in map(str.split, lines)}
