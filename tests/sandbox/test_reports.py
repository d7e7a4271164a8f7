"""What is said of each kernel: nothing that it lacks is left out, whatever else it has."""

from __future__ import annotations

import itertools

import pytest

from weft.sandbox import confine, landlock
from weft.sandbox.level import NOT, PARTLY

KERNELS = list(itertools.product(range(1, 8), ["", "no namespaces of its own: refused"]))


@pytest.mark.parametrize(("abi", "outside"), KERNELS)
def test_files_and_signals(abi, outside):
    files = confine._how_files(abi, outside)
    assert files.startswith(PARTLY) == (abi < landlock.TRUNCATION or bool(outside))
    signals = confine._signals(abi, outside)
    assert signals.startswith(NOT) == (abi < landlock.SCOPES and bool(outside))
    assert outside in files or abi < landlock.TRUNCATION


@pytest.mark.parametrize("filtered", [True, False])
@pytest.mark.parametrize(("abi", "outside"), KERNELS)
def test_networks(abi, outside, filtered):
    def said(network, *ports):
        return confine._network({"network": network, "ports": ports}, abi, outside, filtered=filtered)

    in_reach = abi < landlock.SCOPES  # the sockets that have abstract names
    assert said("loopback").startswith(NOT) == bool(outside)
    assert said("none").startswith(NOT) == (not filtered)
    assert said("none").startswith(PARTLY) == (filtered and in_reach)
    assert said("outbound").startswith(PARTLY) == in_reach
    assert said("outbound", 443).startswith(NOT) == (abi < landlock.PORTS)
    assert said("outbound", 443).startswith(PARTLY) == (abi >= landlock.PORTS and (in_reach or not filtered))
