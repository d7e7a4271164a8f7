"""What ``weft check`` shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from weft.manifest import CheckReport


def describe_report(report: CheckReport) -> dict[str, Any]:
    """A report as JSON has it."""
    import msgspec

    plain = msgspec.to_builtins(report, enc_hook=str)
    return {"ok": report.ok, **plain}


def lines_of(report: CheckReport) -> Iterator[str]:
    """A report for people."""
    for kind, found in (("problem", (*report.problems, *report.warnings)), ("note", report.notes)):
        for each in found:
            yield f"{kind}: {each}"
    if report.ok and report.manifest is not None:
        provides = ", ".join(map(str, report.manifest.provides)) or "what its entry is"
        yield f"{report.manifest.name} {report.manifest.version}: good; provides {provides}"
