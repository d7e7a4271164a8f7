"""A storm: plugins are killed, hung, bloated and forked at random, while others serve at a fixed rate."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.processes import Program, output, running
from harness.servers import ROOT, START, free_port, get, upload

RATE = 200.0
"""Requests per second to each of those that serve."""
SERVING = ("first", "second", "third")
VICTIMS = tuple(f"victim{number}" for number in range(6))
HARMS = ("kill", "/hang", "/bloat", "/fork")
BETWEEN = 0.25
"""Seconds between one harm and the next."""
HEAD = {
    **dict.fromkeys(SERVING, ""),
    **dict.fromkeys(VICTIMS, '# limits = { memory = "64MiB", processes = 2, cpu = 0.25, call = "2s" }\n'),
}
# A victim is hurt again as soon as it is back, for as long as the storm lasts.
CONFIGURATION = """
[http]
access_log = false
[supervision]
failures = 1000
longest_delay = "1s"
ping_every = "500ms"
hung_in_call = "1s"
hung_after = "2s"
"""
Seen = dict[str, Any]


@dataclass
class Storm:
    """One server and its weather. ``harms``: how often each was done."""

    port: int
    chooser: random.Random
    harms: Counter[str] = field(default_factory=Counter)

    def calm(self, seconds: float) -> Seen:
        """What those that serve give when nothing happens."""
        with ThreadPoolExecutor(1) as pool:
            return self._served(pool, seconds).result()

    def rage(self, seconds: float) -> Seen:
        """What they give meanwhile."""
        with ThreadPoolExecutor(1) as pool:
            served = self._served(pool, seconds)
            while not served.done():
                self._harm(self.chooser.choice(VICTIMS), self.chooser.choice(HARMS))
                time.sleep(BETWEEN)
            return served.result()

    def is_over(self, seconds: float) -> bool:
        """Whether all that were hurt answer again, within so many seconds."""
        deadline = time.monotonic() + seconds
        hurt = set(VICTIMS)
        while hurt and time.monotonic() < deadline:
            hurt -= {victim for victim in hurt if get(self.port, "/", f"{victim}.localhost", timeout=0.2) is not None}
            time.sleep(0.02)
        return not hurt

    def _served(self, pool: ThreadPoolExecutor, seconds: float) -> Future[Seen]:
        program = [sys.executable, str(ROOT / "benchmarks/harness/pacing.py"), str(self.port), str(RATE), str(seconds)]
        return pool.submit(lambda: json.loads(output([*program, *SERVING], seconds + 60)))

    def _harm(self, victim: str, harm: str) -> None:
        """Whether it can be done or not: a victim may be down at present."""
        if harm == "kill":
            done = False
            for instance in json.loads(get(self.port, f"/api/v1/plugins/{victim}", "localhost") or "{}")["instances"]:
                with suppress(ProcessLookupError):
                    os.kill(instance["pid"], signal.SIGKILL)
                    done = True
        else:
            done = get(self.port, harm, f"{victim}.localhost", timeout=0.2) is not None
        self.harms[harm if done else "in vain"] += 1


@contextmanager
def weather(folder: Path, seed: int) -> Iterator[Storm]:
    """A server with those that serve and those that are hurt."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weft.toml").write_text(CONFIGURATION)
    port = free_port()
    command = [str(Path(sys.executable).parent / "weft"), "serve", "--port", str(port), "--rpc-port", "0"]
    command += ["--state", str(folder / "state"), "--config", str(folder / "weft.toml"), "--log-level", "error"]
    program = Program(command, folder, folder / "log")
    with running(program):
        program.wait(lambda: get(port, "/readyz", "localhost") is not None, START)
        for name, head in HEAD.items():
            text = f"# /// script\n# [tool.weft]\n{head}# ///\n{(ROOT / 'benchmarks/plugins/victim.py').read_text()}"
            status, answer = upload(port, "/api/v1/plugins", f"{name}.py", text.encode(), {"name": name})
            if status != http.client.OK:
                raise RuntimeError(f"deploy of {name} was answered {status}: {answer}")
        yield Storm(port, random.Random(seed))
