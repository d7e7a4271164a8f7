"""What the tests of contracts share: a value's way through the wire's own encoding."""

from __future__ import annotations

import pytest

from weft.contracts.annotations import Annotations
from weft.contracts.plain import plainly
from weft.wire import codec


@pytest.fixture(scope="session")
def shape_of():
    """``shape_of(annotation)``: its shape."""
    return lambda annotation: Annotations().shape(annotation)


@pytest.fixture(scope="session")
def sent():
    """``sent(plain)``: the plain value as it arrives; what the encoder refuses is made plain first, as a call does."""

    def send(plain):
        try:
            return codec.decode(codec.encode(plain))
        except (TypeError, OverflowError):
            return codec.decode(codec.encode(plainly(plain)))

    return send


@pytest.fixture(scope="session")
def cross(sent):
    """``cross(shape, value)``: the value, packed, sent and unpacked."""
    return lambda shape, value: shape.unpack(sent(shape.packed(value)))
