"""The shared fixtures do what tests rely on: they see what is left behind, and bound what waits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
ALONE = ["-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:cov", "--import-mode=importlib", "-q"]


def outcome(folder: Path, test: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs one test file, with the project's conftest beside it, in a pytest of its own."""
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    network\n    system_package\n")
    env = {name: value for name, value in os.environ.items() if name != "CI"} | variables
    command = [sys.executable, "-m", "pytest", *ALONE, "-rs", str(folder)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_a_process_left_behind_fails_the_test_that_left_it(tmp_path: Path) -> None:
    leaves = (
        "import subprocess, sys\ndef test_it():\n    subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1)\n"
    )
    done = outcome(tmp_path, leaves)
    assert done.returncode == 1
    assert "left behind:" in done.stdout


MISSING = "import pytest\n@pytest.mark.system_package('no-such-program')\ndef test_it(): pass\n"


def test_a_missing_program_skips_with_its_name(tmp_path: Path) -> None:
    done = outcome(tmp_path, MISSING)
    assert done.returncode == 0
    assert "not installed: no-such-program" in done.stdout


def test_a_missing_program_fails_where_ci_is_true(tmp_path: Path) -> None:
    done = outcome(tmp_path, MISSING, CI="true")
    assert done.returncode == 1
    assert "needed where CI=true: not installed: no-such-program" in done.stdout


def test_run_returns_what_the_coroutine_returns(run: Callable[..., Any]) -> None:
    async def main() -> int:
        return 7

    assert run(main()) == 7


def test_a_free_port_can_be_bound(free_port: Callable[[], int]) -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))


@pytest.mark.parametrize("times", [1, 2])
def test_a_server_starts_answers_and_stops(weft_server: Callable[..., Any], tmp_path: Path, times: int) -> None:
    """Also twice on one state, one after the other."""
    for _ in range(times):
        server = weft_server(state=tmp_path / "state")
        assert server.port > 0
        assert server.state == tmp_path / "state"
        server.stop()
