"""Coverage of processes that tests start and kill: what they left half written is left out, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
PROJECT = """
[tool.pytest.ini_options]
markers = ["network: x", "system_package: x"]

[tool.coverage.run]
source = ["."]
patch = ["subprocess"]
data_file = "build/coverage/data"
"""
TEST = """
import subprocess, sys
from pathlib import Path

def test_it():
    subprocess.run([sys.executable, "child.py"], check=True)
    (whole,) = Path("build/coverage").glob("data.*.H*h")
    content = whole.read_bytes()
    (whole.parent / "data.cut").write_bytes(content[:5000])
    (whole.parent / "data.empty").touch()
    if {broken}:
        (whole.parent / "data.broken.Habch").write_bytes(content[:5000])
"""


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("workers", [[], ["-n", "1"]])
def test_half_a_file_is_no_warning_and_a_broken_one_is(tmp_path, broken, workers):
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "child.py").write_text("print(1)\n")
    (tmp_path / "test_it.py").write_text(TEST.format(broken=broken))
    (tmp_path / "build/coverage").mkdir(parents=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("COV", "PYTEST"))}
    command = [sys.executable, "-m", "pytest", "--cov", "--cov-report=term", *workers]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100, check=False)
    said = done.stdout + done.stderr
    assert "1 passed" in said
    assert "child.py 1 0 100%" in " ".join(said.split())
    assert ("data.broken.Habch" in said) == ("CoverageWarning" in said) == broken
    assert "data.cut" not in said
    assert "data.empty" not in said
