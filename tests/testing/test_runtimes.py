"""Weft's own runtimes pass the conformance kit."""

from __future__ import annotations

from weft.testing.kit import RuntimeConformance


class TestProcess(RuntimeConformance):
    runtime = "process"
    partner = "inline"


class TestInline(RuntimeConformance):
    runtime = "inline"
    partner = "process"
