"""Builds of packages in the sandbox of plugins: the same zygote, keeper, rules and cgroups, with uv in its place."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from weft.errors import EnvironmentFailed
from weft.manifest.model import Limits, Permissions
from weft.packages.builds import Build
from weft.packages.programs import Finished
from weft.runtimes.launch import Launch
from weft.runtimes.process.child import Child
from weft.runtimes.process.holding import Hold, Holding
from weft.runtimes.process.spawner import Spawner
from weft.sandbox.level import Report, lacking, level
from weft.sandbox.limits import LimitHit, write_size
from weft.sandbox.rules import interpreter_folders
from weft.settings import SandboxMode
from weft.types import OutputLine, Progress

LIMITS = Limits(memory=4 << 30, processes=256, open_files=4096, disk=8 << 30)
"""What one build may use, with all that it downloads; what fits a compiler, not a plugin."""
_LAST_WORDS = 1.0
"""Seconds for what an ended build wrote last."""
_LINES_KEPT = 400
_OUTPUT_KEPT = 16 * 1024 * 1024
"""Characters; what answers with more, or faster than it is read, comes to nothing."""
_ROOT = Path("/")
_SYSTEM = ("usr/*", "usr/local/*", "bin", "sbin", "lib*")
"""Programs, compilers and what they read: patterns, from the root."""
_NOT_SYSTEM = frozenset({"etc", "local", "src", "var"})
_SETTINGS = ("etc/passwd", "etc/group", "etc/gitconfig", "etc/python3*", "etc/alternatives")
"""What they are set up by, and holds no secrets. Patterns, from the root."""


class ConfinedBuilder:
    """Runs builds (see packages.builds.Builder), several at a time."""

    def __init__(self, spawner: Spawner, holding: Holding, sandbox: SandboxMode) -> None:
        self._spawner = spawner
        self._holding = holding
        self._sandbox = sandbox

    async def __call__(self, build: Build, progress: Progress) -> Finished:
        """See packages.builds.Builder."""
        launch = await asyncio.to_thread(_launch, build)
        async with asyncio.timeout(build.deadline):
            if self._sandbox == "required":  # tried with a harmless program: when a build is told, it has begun
                trial = _Run(replace(launch, name="trial"), self._spawner, self._holding, lambda _line: None)
                await trial.run([build.command[0], "--version"])
                self._require(trial.report, build.plugin)
            return await _Run(launch, self._spawner, self._holding, progress).run([*build.command])

    def _require(self, report: Report, plugin: str) -> None:
        if missing := lacking(report):
            listed = "".join(f"\n  {each}" for each in missing)
            raise EnvironmentFailed(
                f"plugin {plugin}: packages that come as source are not built: the sandbox is required, and this "
                f"machine does not enforce all of it:{listed}\nname versions that have wheels, or see `weft doctor`"
            )


class _Run:
    """One program, from its start to the end of all that it started."""

    def __init__(self, launch: Launch, spawner: Spawner, holding: Holding, progress: Progress) -> None:
        self._launch = launch
        self._spawner = spawner
        self._holding = holding
        self._progress = progress
        self._output: list[str] = []
        self._errors: deque[str] = deque(maxlen=_LINES_KEPT)
        self._room = _OUTPUT_KEPT
        self._cut = False
        self._hold: Hold | None = None
        self._child: Child | None = None
        self.report: Report = {}

    async def run(self, argv: list[str]) -> Finished:
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            child = self._child = await self._spawner.execute(
                argv, self._launch, nothing, self._take, self._refused, self._bound
            )
            assert self._hold is not None
            self.report = {**child.report, **self._holding.report(self._hold)}
            self._progress(_how(self.report))
            code = await asyncio.shield(child.exited)
            await child.finished(_LAST_WORDS)
            if self._cut or self._room < 0:
                return Finished(code or 1, "", "\n".join([*self._errors, "error: uv's answer is too long"]))
            return Finished(code, "".join(f"{line}\n" for line in self._output), "\n".join(self._errors))
        finally:
            os.close(nothing)
            await self._end()

    async def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            await self._child.finished(_LAST_WORDS)
        if self._hold is not None:
            await self._holding.let_go(self._hold)
        if self._child is not None:
            await self._spawner.release(self._child)

    async def _bound(self) -> Hold:
        self._hold = await self._holding.hold(self._launch, self._on_hit)
        return self._hold

    def _take(self, line: OutputLine) -> None:
        if line.stream == "stdout":
            self._room -= len(line.text) + 1
            if self._room >= 0:
                self._output.append(line.text)
        else:
            self._cut = self._cut or (line.stream == "host" and "of stdout were dropped" in line.text)
            self._errors.append(line.text)
            self._progress(line.text)

    def _refused(self, calls: Mapping[str, int]) -> None:
        self._progress(f"the build was refused what none may do: {', '.join(calls)}")

    def _on_hit(self, hit: LimitHit) -> None:
        figure = write_size(hit.allowed) if hit.limit in ("memory", "disk") else f"{hit.allowed:g}"
        self._take(OutputLine(0.0, "error", f"the build went past what it may use: {hit.limit}, {figure}", "host"))
        if hit.ends and self._child is not None:
            self._child.kill()


def _how(report: Report) -> str:
    found = {"full": "the build is confined", "partial": "the build is confined in part: "}
    return found.get(level(report), "the build is not confined: ") + "; ".join(lacking(report))


def _launch(build: Build) -> Launch:
    """A build as the sandbox sees it. Looks at the file system."""
    python = str(build.interpreter)
    programs = [build.command[0], *interpreter_folders(python), *_programs(build)]
    own = [str(build.home), *map(str, build.write)]
    settings = [str(found.resolve()) for pattern in _SETTINGS for found in _ROOT.glob(pattern)]
    return Launch(
        name=f"build-{build.plugin}",
        version="",
        folder=build.folder,
        entry=None,
        provides=(),
        limits=LIMITS,
        interpreter=(python,),
        helpers=None,
        data_dir=build.home,
        variables=build.variables,
        permissions=Permissions(
            read=(*settings, *map(str, build.read)),
            write=tuple(str(each.resolve()) for each in build.write),
            exec=(*own, *(each for each in programs if not _holds_any(each, (build.state, Path.home())))),
        ),
    )


def _holds_any(folder: str, kept: Iterable[Path]) -> bool:
    """Whether one of these, which nobody may read, is in there."""
    return any(each.is_relative_to(os.path.realpath(folder)) for each in kept)


def _programs(build: Build) -> Iterator[str]:
    """The system's, and those on PATH: of a tool in /opt all that belongs to it, of others the folder alone."""
    for pattern in _SYSTEM:
        yield from (str(found) for found in _ROOT.glob(pattern) if found.name not in _NOT_SYSTEM)
    for folder in map(Path, build.variables["PATH"].split(os.pathsep)):
        if folder.is_absolute() and os.access(folder, os.R_OK | os.X_OK):
            yield str(folder.parent if folder.name == "bin" and folder.is_relative_to("/opt/") else folder)
