"""Hosts that are killed at any moment, with plugins of every kind of misbehaviour: what is left of them then."""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.families import Family, adopting
from harness.processes import Died, Program
from harness.servers import ROOT, START, fetch, free_port, get, upload
from weft.server.state import Store

SOURCE = ROOT / "benchmarks/plugins/mischief.py"
KINDS = (
    "healthy", "holder", "double-fork", "daemon", "deaf", "tree", "forks", "jumps", "fills", "blocked", "spins",
    "spins-in-threads", "stopped", "stopped-child", "floods", "bloats", "crashes", "closes", "stays",
)  # fmt: skip
SHARE = {"cpu": "0.1"}
LIMITS: dict[str, dict[str, str]] = {
    **dict.fromkeys(("forks", "jumps", "spins", "spins-in-threads", "floods", "bloats"), SHARE)
}
"""Those that would use all of a core get a part."""
STAGES = ("start", "deploy", "serve", "stop")
SERVES = 0.5
"""Seconds of serving, or stopping, in which a moment is chosen."""
LATER = 1.0
"""Seconds after a kill until nothing may be left."""
CONFIGURATION = """
[http]
access_log = false
[supervision]
failures = 1000
"""
LISTED = 20.0
"""Seconds for a list of plugins: the machine is busy with what they do."""
HALF = (".partial-*", ".new-*", ".unpack-*")


@dataclass(frozen=True)
class Killed:
    """One round: at which stage, how many seconds into it, what was left, and what was wrong with the state."""

    stage: str
    after: float
    family: int
    left: list[str]
    corrupted: list[str]


@dataclass
class Rounds:
    """A state with 20 plugins, and its servers, one after another. ``texts``: what each may be stored with."""

    folder: Path
    chooser: random.Random
    texts: dict[str, set[str]] = field(default_factory=dict)
    hosts: list[Family] = field(default_factory=list)
    rounds: list[Killed] = field(default_factory=list)
    starts: float = 0.0
    """Seconds that a start took, the last time that one was seen to its end."""
    serving: _Server | None = None

    def run(self, count: int, *, seconds: float = 3600) -> None:
        """``count`` rounds, fewer where they would take longer; then a last server says what came through."""
        with adopting():
            deadline = time.monotonic() + seconds
            stages = [STAGES[number % len(STAGES)] for number in range(count)]
            self.chooser.shuffle(stages)
            try:
                self._begin()
                for stage in stages:
                    if time.monotonic() < deadline:
                        self.rounds.append(self._round(stage))
                self._end()
            finally:
                if self.serving is not None and self.serving.program.process.poll() is None:
                    self.serving.program.process.kill()  # whoever interrupts this leaves nothing

    @property
    def left(self) -> int:
        """Processes."""
        return sum(len(one.left) for one in self.rounds)

    @property
    def corrupted(self) -> int:
        """States."""
        return sum(bool(one.corrupted) for one in self.rounds)

    def summary(self) -> dict[str, Any]:
        stages = [one.stage for one in self.rounds]
        return {
            "rounds": {stage: stages.count(stage) for stage in STAGES},
            "processes_when_killed": sum(one.family for one in self.rounds),
            "left": [text for one in self.rounds for text in one.left][:10],
            "corrupted": [text for one in self.rounds for text in one.corrupted][:10],
        }

    # --- servers ----------------------------------------------------------------------------------------------------

    def _serve(self) -> _Server:
        self.serving = _Server(self.folder, len(self.hosts))
        return self.serving

    def _begin(self) -> None:
        """Deploy every kind, once."""
        for folder in ("tmp", "logs"):
            (self.folder / folder).mkdir(parents=True)
        (self.folder / "weft.toml").write_text(CONFIGURATION)
        server = self._serve()
        server.wait_ready()
        for name in (*KINDS, "changing"):
            text = _text(name, 0)
            server.deploy(name, text)
            self.texts[name] = {text}
        self.hosts.append(server.family)
        server.program.process.kill()
        server.program.process.wait(10)
        assert not (left := server.family.left(LATER)), left

    def _end(self) -> None:
        """A last server: all is as it was stored, nothing lies about, and it stops."""
        server = self._serve()
        server.wait_ready()
        wrong = [*self._listed(server), *self._litter()]
        server.program.stop(60)
        left = server.family.left(LATER)
        self.rounds.append(Killed("end", 0.0, 0, left, [*wrong, *self._stored()]))

    def _round(self, stage: str) -> Killed:
        began = time.monotonic()
        server = self._serve()
        self.hosts.append(server.family)
        wrong: list[str] = []
        if stage != "start":
            server.wait_ready()
            self.starts = time.monotonic() - began
            wrong += self._listed(server)
        after = self.chooser.uniform(0, self.starts or 2.0 if stage == "start" else SERVES)
        act = threading.Thread(target=self._act, args=(stage, server))
        act.start()
        time.sleep(after)
        family = len(server.family.living())
        server.program.process.kill()
        left = server.family.left(LATER)
        server.program.process.wait(10)
        act.join(60)
        return Killed(stage, round(after, 3), family, left, [*wrong, *self._stored()])

    def _act(self, stage: str, server: _Server) -> None:
        """What goes on while it is killed."""
        if stage == "deploy":
            text = _text("changing", len(self.hosts))
            self.texts["changing"].add(text)
            with suppress(OSError, http.client.HTTPException):
                server.deploy("changing", text)
        elif stage == "stop":
            server.program.process.terminate()
        elif stage == "serve":
            for name in KINDS:
                get(server.port, host=f"{name}.localhost", timeout=0.05)

    # --- what there is then -----------------------------------------------------------------------------------------

    def _listed(self, server: _Server) -> list[str]:
        """What a server says of its plugins that is not as it is stored."""
        with_digests = {each["name"]: each["digest"] for each in server.plugins()}
        wrong = [f"{name} is not listed" for name in self.texts.keys() - with_digests.keys()]
        wrong += [f"{name} is listed" for name in with_digests.keys() - self.texts.keys()]
        wrong += [f"{name} does not answer" for name in ("healthy", "changing") if not server.answers(name)]
        return wrong

    def _stored(self) -> list[str]:
        """What is wrong with the database, and with the files of what is stored."""
        state = self.folder / "state"
        store = Store(state / "weft.db")
        try:
            digests = {each.name: each.current.digest for each in store.plugins() if each.enabled}
        finally:
            store.close()
        wrong = _integrity(state / "weft.db")
        wrong += [f"{name} is lost" for name in self.texts.keys() - digests.keys()]
        for name, digest in digests.items():
            file = state / "releases" / digest.removeprefix("sha256:") / "files" / f"{name}.py"
            text = file.read_text() if file.exists() else ""
            if text in self.texts.get(name, ()):
                self.texts[name] = {text}
            else:
                wrong.append(f"{name} is not what was deployed")
        return wrong

    def _litter(self) -> list[str]:
        """What killed servers left that the next one should have removed."""
        state = self.folder / "state"
        places = [*(self.folder / "tmp").iterdir(), *(state / "uploads").glob("*")]
        half = [each for kind in HALF for each in state.rglob(kind)]
        marks = [host.mark for host in self.hosts]
        cgroups = [each for each in _cgroups() if any(mark in f"{each.name}-" for mark in marks)]
        return [str(each) for each in (*places, *half, *cgroups)]


class _Server:
    """``weft serve`` on the state, just started."""

    def __init__(self, folder: Path, number: int) -> None:
        self.port = free_port()
        command = [str(Path(sys.executable).parent / "weft"), "serve", "--port", str(self.port), "--rpc-port", "0"]
        command += ["--state", str(folder / "state"), "--config", str(folder / "weft.toml"), "--log-level", "error"]
        self.program = Program(command, folder, folder / "logs" / str(number), {"TMPDIR": str(folder / "tmp")})
        self.family = Family.of(self.program.pid)

    def wait_ready(self) -> None:
        self.program.wait(lambda: get(self.port, "/readyz", "localhost") is not None, START, every=0.02)

    def deploy(self, name: str, text: str) -> None:
        """Raises Died where it is refused; OSError, HTTPException where the server is killed."""
        fields = {"name": name, "env": json.dumps({"MISCHIEF": "healthy" if name == "changing" else name})}
        status, answer = upload(self.port, "/api/v1/plugins", f"{name}.py", text.encode(), fields)
        if status != 200:
            raise Died(f"deploy of {name} was answered {status}: {answer}")

    def plugins(self) -> list[dict[str, Any]]:
        """As management lists them. Raises Died where it does not."""
        status, text = fetch(self.port, "/api/v1/plugins", "localhost", LISTED)
        if status != 200:
            raise self.program.died(f"answered {status} ({text}) when it was asked for its plugins")
        listed: list[dict[str, Any]] = json.loads(text)
        return listed

    def answers(self, name: str) -> bool:
        return get(self.port, host=f"{name}.localhost") == "well"


def _text(name: str, version: int) -> str:
    """The plugin's source with what it may use up."""
    limits = {"memory": '"128MiB"', "drain": '"500ms"', **LIMITS.get(name, {})}
    table = "".join(f"# limits.{key} = {value}\n" for key, value in limits.items())
    return f"# /// script\n# [tool.weft]\n{table}# ///\n{SOURCE.read_text()}VERSION = {version}\n"


def _integrity(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        said = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    return [] if said == ["ok"] else said


def _cgroups() -> Iterable[Path]:
    return Path("/sys/fs/cgroup").rglob("weft-*")
