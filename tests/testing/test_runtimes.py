"""Weft's own runtimes pass the conformance kit."""

from __future__ import annotations

import inspect

import pytest

from weft.runtimes.process.runtime import ProcessRuntime
from weft.testing.capabilities import CAPABILITIES, LACKING, capabilities_table, lacking
from weft.testing.kit import RuntimeConformance
from weft.testing.kit.calls import CallsConformance


class TestProcess(RuntimeConformance):
    runtime = "process"
    partner = "inline"


class TestInline(RuntimeConformance):
    runtime = "inline"
    partner = "process"


class TestARuntimeOfOnesOwn(CallsConformance):
    """What the author of another runtime does; here it is one that is known."""

    runtime = ProcessRuntime()

    def lacking(self, capability):
        return "it is not for many" if capability == "large" else ""


def test_what_a_runtime_lacks_is_a_capability_that_there_is():
    for reasons in LACKING.values():
        assert reasons.keys() <= CAPABILITIES.keys()
        assert all(reasons.values())
    with pytest.raises(KeyError):
        lacking("process", "flying")


def test_every_capability_is_tested_and_shown():
    tests = [getattr(RuntimeConformance, name) for name in dir(RuntimeConformance) if name.startswith("test_")]
    assert {each.capability for each in tests} == set(CAPABILITIES)
    assert all(f"**{name}**" in capabilities_table() for name in CAPABILITIES)
    assert all(not inspect.iscoroutinefunction(each) for each in tests)
