"""What a package's build backend cannot do to its host: real uv builds one that tries."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

RunAs = Callable[[tuple[str, bool], str, dict[str, Any]], dict[str, Any]]
REACHED_OUTSIDE = {"socket"}
"""What is not refused where there are no namespaces, as the progress says."""


def test_a_build_harms_nobody(situation: tuple[str, bool], run_as: RunAs) -> None:
    result = run_as(situation, "building.py", {"sandbox": "best-effort"})
    assert result["error"] is None
    told = [line for line in result["progress"] if line.startswith("the build is confined")]
    assert len(told) == 2, "one to resolve, one to install"
    if situation[1] and "in part" in told[0]:
        must = os.environ.get("CI") == "true" and situation[0] == "own" and os.geteuid() == 0
        (pytest.fail if must else pytest.skip)(f"this machine does not protect: {told[0]}")
    assert result["harmed"] == {}
    done = {name for name, text in result["found"].items() if not text.startswith("refused: ")}
    assert done == (set() if situation[1] else REACHED_OUTSIDE), result["found"]
    if not situation[1]:
        assert all("in part: files: partly" in line for line in told)


def test_a_required_sandbox_refuses_builds_that_cannot_be_confined_wholly(run_as: RunAs) -> None:
    result = run_as(("own", False), "building.py", {"sandbox": "required"})
    assert "plugin shop: packages that come as source are not built: the sandbox is required" in result["error"]
    assert result["harmed"] == {}


def test_a_required_sandbox_builds_where_it_is_whole(run_as: RunAs) -> None:
    result = run_as(("own", True), "building.py", {"sandbox": "required"})
    if result["error"] is not None:
        assert "this machine does not enforce all of it" in result["error"]
        pytest.skip(result["error"])
    assert all(text.startswith("refused: ") for text in result["found"].values()), result["found"]
