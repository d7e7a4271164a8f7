"""The scripts that a fresh machine runs first say clearly what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


def find_python(path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs tools/find-python where ``path`` comes before the system's own programs."""
    env = {"PATH": f"{path}{os.pathsep}/usr/bin{os.pathsep}/bin", **variables}
    return subprocess.run([TOOLS / "find-python"], env=env, capture_output=True, text=True, timeout=60, check=False)


def pretend(folder: Path, name: str, script: str) -> None:
    """A program of that name that runs this shell script."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def every_name(folder: Path, script: str) -> None:
    for minor in ("", ".11", ".12", ".13", ".14", ".15"):
        pretend(folder, f"python3{minor}", script)


def test_the_python_that_is_named_is_taken(tmp_path: Path) -> None:
    found = find_python(tmp_path, PYTHON=sys.executable)
    assert (found.returncode, found.stderr) == (0, "")
    assert Path(found.stdout.strip()).samefile(sys.executable)


def test_an_old_python_is_passed_over_for_a_later_one(tmp_path: Path) -> None:
    every_name(tmp_path, "exit 1")
    pretend(tmp_path, "python3.12", f'exec "{sys.executable}" "$@"')
    found = find_python(tmp_path)
    assert found.returncode == 0, found.stderr
    assert Path(found.stdout.strip()).samefile(sys.executable)


def test_no_python_is_a_clear_error(tmp_path: Path) -> None:
    every_name(tmp_path, 'test "$1" = --version && echo "Python 3.8.1"; exit 1')
    found = find_python(tmp_path)
    assert found.returncode == 1
    assert "needs Python 3.11 or later; python3 is Python 3.8.1" in found.stderr
    assert "make PYTHON=" in found.stderr


def test_a_python_without_venv_is_a_clear_error(tmp_path: Path) -> None:
    every_name(tmp_path, 'case "$2" in *ensurepip*) exit 1;; esac; exit 0')
    found = find_python(tmp_path)
    assert found.returncode == 1
    assert "apt install python3-venv" in found.stderr


@pytest.mark.parametrize("name", ["find-python", "debian-packages", "lock", "release", "../.ci/run"])
def test_a_script_is_executable_and_stops_at_the_first_failure(name: str) -> None:
    script = TOOLS / name
    assert os.access(script, os.X_OK)
    assert "\nset -eu" in script.read_text()
