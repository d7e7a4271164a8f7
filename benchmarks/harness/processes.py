"""Programs that are measured: started, asked what they cost, and stopped by their process id."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


class Died(RuntimeError):  # noqa: N818  # what happened, not a fault of this program
    """A program ended, or did not serve, while it was to be measured; carries the end of its output."""


class Program:
    """One started program with every process below it. One that ``answers`` is asked on pipes, and logs its errors."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        log: Path,
        env: dict[str, str] | None = None,
        *,
        answers: bool = False,
    ) -> None:
        self.command = list(command)
        self.log = log
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                self.command,
                cwd=folder,
                stdin=subprocess.PIPE if answers else subprocess.DEVNULL,
                stdout=subprocess.PIPE if answers else sink,
                stderr=sink,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def pids(self) -> list[int]:
        """The program and all below it, now."""
        return [self.pid, *below(self.pid)]

    def wait(self, serves: Callable[[], bool], seconds: float, *, every: float = 0.005) -> None:
        """Returns once ``serves()`` is true; raises Died when the program ends, or after ``seconds``."""
        deadline = time.monotonic() + seconds
        while not serves():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise self.died("does not serve")
            time.sleep(every)

    def died(self, how: str) -> Died:
        """What is raised of it, with the end of its output."""
        return Died(f"{self.command[:3]} {how}:\n{self.log.read_text(errors='replace')[-2000:]}")

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self, seconds: float = 20) -> None:
        """SIGTERM, then SIGKILL for whatever of it is left."""
        everything = self.pids()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        for pid in everything[1:]:
            if _session(pid) == self.pid:
                os.kill(pid, signal.SIGKILL)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def output(command: Sequence[str], seconds: float, env: dict[str, str] | None = None) -> str:
    """What a program prints that ends by itself; raises Died with its errors, also when it takes longer."""
    try:
        done = subprocess.run(
            command, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise Died(f"{command[:3]} has not ended after {seconds:g} s") from late
    if done.returncode:
        raise Died(f"{command[:3]} failed:\n{done.stderr[-2000:]}")
    return done.stdout


@contextmanager
def running(program: Program) -> Iterator[Program]:
    """The program, stopped in the end."""
    try:
        yield program
    finally:
        program.stop()


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _session(pid: int) -> int:
    fields = _fields(pid)
    return int(fields[3]) if fields and fields[0] not in "ZX" else 0


def below(pid: int) -> list[int]:
    """Every process below ``pid``."""
    parents = {int(entry.name): int(f[1]) for entry in Path("/proc").glob("[0-9]*") if (f := _fields(int(entry.name)))}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {pid})


def cpu_seconds(pids: Sequence[int]) -> float:
    """User and system time that these processes have used until now."""
    return sum(int(f[11]) + int(f[12]) for pid in pids if (f := _fields(pid))) / TICK


def pss(pid: int, which: str = "Pss") -> int:
    """Proportional set size in bytes: shared pages are divided among those who share them. ``Pss_Anon``: no file's."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) * 1024
    raise Died(f"process {pid} has no line {which}")
