"""What is enforced, in words and as a level. No input or output in here.

A *report* says for each protection how it is enforced; where it is not, or only in part, its text begins so.
"""

from __future__ import annotations

from typing import Dict, List, Literal, Mapping

NOT = "not enforced: "
PARTLY = "partly: "

Report = Dict[str, str]
Level = Literal["none", "partial", "full"]


def level(report: Mapping[str, str]) -> Level:
    """``full``: all protections are there; ``none``: none is."""
    missing = sum(text.startswith(NOT) for text in report.values())
    if missing == len(report):
        return "none"
    return "partial" if lacking(report) else "full"


def whole(text: str) -> bool:
    """Whether what a report says of one protection means that it is there."""
    return not text.startswith((NOT, PARTLY))


def lacking(report: Mapping[str, str]) -> List[str]:
    """The protections that are not wholly there, with what is said of them."""
    return [f"{name}: {text}" for name, text in report.items() if not whole(text)]
