"""Environments: a plugin's interpreter and packages, built by uv, known by their content, shared and collected."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from weft.errors import EnvironmentFailed
from weft.manifest.model import Requires
from weft.packages.builds import Builders, Builds
from weft.packages.durable import sweep_new, write_whole
from weft.packages.exclusive import exclusive, exclusive_if_free
from weft.packages.helpers import Helpers
from weft.packages.interpreters import Fact, Interpreter, Interpreters
from weft.packages.programs import quiet, run
from weft.packages.resolution import Resolutions, Resolved
from weft.packages.startup import changed, startup
from weft.packages.uv import NEUTRAL, Uv
from weft.types import Progress

_DIGEST = re.compile(r"[0-9a-f]{32}")
_MARKER = "weft-environment.json"
"""Written last: a folder without it was never finished, and is never used."""
_WAIT = 1800.0
"""Seconds that one waits for another who builds the same environment."""


@dataclass(frozen=True)
class Environment:
    """What runs a plugin: the interpreter to exec, and how."""

    digest: str
    """Content address: interpreter and resolved packages."""
    python: Path
    flags: tuple[str, ...]
    """``("-I",)`` for a virtual environment, ``("-I", "-S")`` for the bare interpreter of a plugin with no packages."""
    helpers: Path | None
    """Folder with msgspec, uvloop and a2wsgi for this interpreter, to be searched last; None: not available."""
    python_version: str
    """``3.11.7``"""


class Environments:
    """The environments under ``root`` (``STATE/environments``); helpers lie beside it. Each is built once, and shared.

    ``deadline`` bounds every run of uv, in seconds. ``builder`` runs what builds packages that come as source;
    ``refused``: they are not built; ``unconfined``: as this user.
    """

    def __init__(self, root: Path, *, deadline: float = 900.0, builder: Builders = "refused") -> None:
        self._root = root.absolute()
        self._uv = Uv(deadline=deadline)
        self._builds = Builds(self._root / "builds", self._uv, builder, state=self._root.parent.resolve())
        self._interpreters = Interpreters(self._root / "interpreters", self._uv)
        self._resolutions = Resolutions(self._root / "resolutions", self._uv, self._builds)
        self._helpers = Helpers(self._root.parent / "helpers", self._uv)

    async def prepare(self, requires: Requires, *, plugin: str, progress: Progress = quiet) -> Environment:
        """The environment for ``requires``: found where it is ready, else resolved and built while others serve.

        ``progress`` gets what is done, line by line. Raises EnvironmentFailed, which names ``plugin`` and carries uv's
        explanation; nothing half built is left then.
        """
        try:
            return await self._prepare(requires, plugin, progress)
        except OSError as error:
            raise EnvironmentFailed(f"plugin {plugin}: its environment could not be written: {error}") from error

    async def _prepare(self, requires: Requires, plugin: str, progress: Progress) -> Environment:
        interpreter = await self._interpreters.find(requires.python, plugin=plugin)
        helpers = asyncio.create_task(self._helpers.prepare(interpreter, progress))
        try:
            resolved = await self._resolutions.resolve(requires, interpreter, plugin=plugin, progress=progress)
            digest = resolved.digest(interpreter)
            if not resolved.empty:
                await self._ensure(digest, interpreter, resolved, plugin, progress)
            return self._described(digest, interpreter, resolved, await helpers)
        finally:
            helpers.cancel()
            await asyncio.wait([helpers])

    def _described(
        self, digest: str, interpreter: Interpreter, resolved: Resolved, helpers: Path | None
    ) -> Environment:
        python, flags = (interpreter.path, ("-I", "-S")) if resolved.empty else (self._python(digest), ("-I",))
        return Environment(digest, python, flags, helpers, interpreter.version)

    async def _ensure(
        self, digest: str, interpreter: Interpreter, resolved: Resolved, plugin: str, progress: Progress
    ) -> None:
        if await asyncio.to_thread(self._use, digest):
            return
        try:
            async with exclusive(self._lock(digest), within=_WAIT) as lock:
                if not await asyncio.to_thread(self._use, digest):
                    progress(f"building an environment on Python {interpreter.version}")
                    await self._build(self._root / digest, interpreter, resolved, plugin, lock, progress)
        except TimeoutError:
            raise EnvironmentFailed(
                f"plugin {plugin}: another has been building its environment for {_WAIT:g} s ({self._lock(digest)})"
            ) from None

    async def _build(
        self, folder: Path, interpreter: Interpreter, resolved: Resolved, plugin: str, lock: int, progress: Progress
    ) -> None:
        """At its final path, because virtual environments are bound to theirs; what a crash left there goes first."""
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        try:
            await self._fill(folder, interpreter, resolved, plugin, lock, progress)
            marker = json.dumps({**asdict(interpreter), "path": str(interpreter.path)}).encode()
            await asyncio.to_thread(write_whole, folder / _MARKER, marker)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise

    async def _fill(
        self, folder: Path, interpreter: Interpreter, resolved: Resolved, plugin: str, lock: int, progress: Progress
    ) -> None:
        """Make it, and install the packages, of which nothing runs here."""
        purpose = f"plugin {plugin}: its environment could not be built"
        # uv holds the lock too: when it outlives a host that was killed, nobody builds beside it.
        await self._uv.run(
            "venv", "--quiet", "--no-project", "--python", interpreter.path, folder,
            purpose=purpose, holding=[lock], progress=progress,
        )  # fmt: skip
        before = await asyncio.to_thread(startup, folder)
        packages = folder / resolved.filename
        await asyncio.to_thread(packages.write_bytes, resolved.text.encode())
        # Copied, not linked: a plugin that writes into its packages reaches neither uv's cache nor other plugins.
        ran = await self._builds.run(
            "pip", "sync", "--no-compile-bytecode", "--link-mode", "copy", "--python", folder / "bin" / "python",
            plugin=plugin, purpose=purpose, interpreter=interpreter, packages=resolved.text, listed=packages,
            cwd=resolved.folder, write=[folder], if_built=["--compile-bytecode"], holding=[lock], progress=progress,
        )  # fmt: skip
        if not ran.built:
            await self._compile(folder, interpreter, purpose, lock)
        if decisive := await asyncio.to_thread(changed, folder, before):
            raise EnvironmentFailed(
                f"{purpose}: its packages replace what the interpreter itself starts from ({', '.join(decisive)}), "
                "and would run outside the sandbox; use a version that does not"
            )
        await asyncio.to_thread(_rewrite, packages, resolved.text)

    async def _compile(self, folder: Path, interpreter: Interpreter, purpose: str, lock: int) -> None:
        """To bytecode, by the interpreter without the environment: uv's own way runs what packages put into .pth files.

        What is no Python of this version stays as it is, and fails where it is imported.
        """
        command: list[str | Path] = [interpreter.path, "-I", "-S", "-m", "compileall", "-qq", "-j", "0", folder / "lib"]
        compiled = partial(run, command, env={}, cwd=NEUTRAL, deadline=self._uv.deadline, holding=[lock])
        await self._uv.turn(compiled, purpose)

    def collect(self, in_use: Collection[str], *, idle: float = 0.0) -> list[str]:
        """Remove the environments that are neither in ``in_use`` nor under construction; their digests.

        Those prepared within the last ``idle`` seconds stay: their plugins may be about to start.
        """
        removed = [digest for digest in self._digests() if digest not in in_use and self._remove(digest, idle)]
        self._resolutions.collect(self._texts())
        sweep_new(self._root, older=_WAIT)
        self._drop_locks()
        return removed

    def _remove(self, digest: str, idle: float) -> bool:
        with exclusive_if_free(self._lock(digest)) as free:
            if not free or self._last_used(digest) > time.time() - idle:
                return False
            # The marker first: a removal that is cut short leaves an environment that is not used, never half of one.
            (self._root / digest / _MARKER).unlink(missing_ok=True)
            shutil.rmtree(self._root / digest)
            return True

    def _drop_locks(self) -> None:
        """Of environments that are gone."""
        for lock in self._root.glob("*.lock"):
            if not lock.with_suffix("").exists():
                with exclusive_if_free(lock):
                    continue

    async def facts(self) -> list[Fact]:
        """The interpreters and the uv that were found, for ``weft doctor``."""
        return await self._interpreters.facts()

    # --- what is on disk ---

    def _python(self, digest: str) -> Path:
        return self._root / digest / "bin" / "python"

    def _lock(self, digest: str) -> Path:
        return self._root / f"{digest}.lock"

    def _use(self, digest: str) -> bool:
        """Whether it is complete, its interpreter still there; notes the time of use."""
        if not self._python(digest).exists():
            return False
        try:
            os.utime(self._root / digest / _MARKER)
        except FileNotFoundError:
            return False
        return True

    def _last_used(self, digest: str) -> float:
        try:
            return (self._root / digest / _MARKER).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _digests(self) -> list[str]:
        if not self._root.is_dir():
            return []
        return sorted(entry.name for entry in self._root.iterdir() if _DIGEST.fullmatch(entry.name))

    def _texts(self) -> Iterator[str]:
        for digest in self._digests():
            file = self._root / digest / "requirements.txt"
            if file.exists():
                yield file.read_text()


def _rewrite(file: Path, text: str) -> None:
    """Whatever lies there now: a package may have put something else in its place."""
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file)
    write_whole(file, text.encode())
