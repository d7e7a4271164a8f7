"""Walks a page as a reader does: writes each of its files, types each of its commands, compares what is printed.

A fence with a title is a file of that name. In a ``console`` fence lines with ``$`` are commands, and those below are
what they print, on either stream; ``...`` stands for anything. A command that ends in ``&`` goes on running, and what
stands below it is waited for. Port 5000 is, in a test, one that is free.
"""

from __future__ import annotations

import doctest
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
STEP = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
SECONDS = 300.0
"""How long one command may take: it may build environments."""


@dataclass
class Walk:
    """A reader's folder, with an environment that has weft, and what this reader left running in it."""

    folder: Path
    port: int
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def through(self, page: Path) -> None:
        """Do all that the page says."""
        for kind, title, text in FENCE.findall(page.read_text()):
            if title:
                self.write(title, text)
            elif kind == "console":
                for command, printed in STEP.findall(text.replace(":5000", f":{self.port}")):
                    self.type(command, printed)

    def files(self, page: Path) -> None:
        """Write down what the page has of files, and type nothing."""
        for _, title, text in FENCE.findall(page.read_text()):
            if title:
                self.write(title, text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def type(self, command: str, printed: str) -> None:
        output = self.folder / f".output-{time.monotonic_ns()}"
        with output.open("w") as sink:
            process = subprocess.Popen(
                ["bash", "-c", command.removesuffix("&")],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
            )
        self.running.append(process)
        if command.endswith("&"):
            wait_for(printed, output, process)
            return
        process.wait(SECONDS)
        found = output.read_text()
        if not matches(printed, found):
            pytest.fail(f"$ {command}\n{found}\n--- the page says:\n{printed}", pytrace=False)

    def environment(self) -> dict[str, str]:
        home = self.folder / ".venv"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "FORCE_", "PYTHON"))}
        return kept | {
            "VIRTUAL_ENV": str(home),
            "PATH": f"{home / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "UV_NO_BUILD_ISOLATION": "1",
            "COLUMNS": "80",
            "FLASK_RUN_PORT": str(self.port),
        }

    def leave(self) -> None:
        """Ctrl-C for what still runs, and a look whether it ends."""
        left = [process for process in self.running if process.poll() is None]
        for process in left:
            os.killpg(process.pid, signal.SIGINT)
        for process in left:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
                pytest.fail(f"does not end at Ctrl-C: {process.args}")


def matches(printed: str, found: str) -> bool:
    return doctest.OutputChecker().check_output(printed, found, doctest.ELLIPSIS)


def wait_for(printed: str, output: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + SECONDS
    while not matches(printed, output.read_text()):
        assert process.poll() is None, f"{process.args} ended:\n{output.read_text()}"
        assert time.monotonic() < deadline, f"{process.args} did not print what the page says:\n{output.read_text()}"
        time.sleep(0.05)


@pytest.fixture
def walk(tmp_path, free_port) -> Iterator[Walk]:
    """``walk.through(page)``."""
    environment = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    (site / "weft.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    walking = Walk(tmp_path, free_port())
    try:
        yield walking
    finally:
        walking.leave()
