"""uv, which finds interpreters, resolves requirements and installs packages: run in an environment of its own."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from uv import find_uv_bin

from weft.errors import EnvironmentFailed
from weft.packages.programs import Finished, quiet, run
from weft.types import Progress

T = TypeVar("T")
NEUTRAL = Path("/")
"""Where uv runs when no project is meant: no ``pyproject.toml`` or ``uv.toml`` of a bystander is read from here."""

_PASSED = re.compile(
    r"HOME|PATH|TMPDIR|LANG|LC_\w+|XDG_\w+|UV_\w+|PIP_\w+|NETRC|SSL_CERT_(FILE|DIR)|(REQUESTS|CURL)_CA_BUNDLE"
    r"|GIT_SSL_CAINFO|((HTTP|HTTPS|ALL|NO)_PROXY|(http|https|all|no)_proxy)"
)
_HELD_BACK = re.compile(
    r"UV_(PYTHON|SYSTEM_PYTHON|PROJECT\w*|WORKING_DIR\w*|VENV_\w+|TARGET|PREFIX|NO_SYNC|FROZEN|LOCKED)"
)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
_NO_NETWORK = re.compile(
    r"error sending request|tcp connect error|dns error|failed to lookup address|network is unreachable"
    r"|operation timed out|connection (refused|reset|closed)|tunnel error|could not connect",
    re.IGNORECASE,
)
_NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded|os error 28\b")
_DETAIL = re.compile(r" [+~-] |Using Python .* environment at:")
"""Lines of uv's that say no more than the lock and the environment's path."""
_FAILURE = re.compile(r"error: |(?:  )?(?:cause|hint): | {9}")
"""How uv explains a failure: the error has it whole."""
_PROCESSES = 4


class Uv:
    """Runs uv: at most four at a time, each within ``deadline`` seconds."""

    def __init__(self, *, deadline: float = 900.0, environ: Mapping[str, str] | None = None) -> None:
        self.path = Path(find_uv_bin())
        self.deadline = deadline
        self.environ = uv_environ(os.environ if environ is None else environ)
        self._turns = asyncio.Semaphore(_PROCESSES)

    async def run(
        self,
        *arguments: str | Path,
        purpose: str,
        given: str = "",
        cwd: Path = NEUTRAL,
        holding: Sequence[int] = (),
        progress: Progress = quiet,
    ) -> str:
        """Standard output of ``uv ARGUMENTS``; when the index cannot be reached, of a second run on what is cached.

        Raises EnvironmentFailed: ``purpose`` (what for whom could not be done), with uv's own text.
        ``holding`` are descriptors of locks that uv is to hold too.
        """
        tell = partial(tell_what_matters, progress)
        attempt = partial(self._attempt, purpose=purpose, given=given, cwd=cwd, holding=holding, progress=tell)
        done = await attempt(arguments)
        if done.code and _NO_NETWORK.search(done.errors):
            progress("the package index cannot be reached: trying with what is cached")
            cached = await attempt(("--offline", *arguments))
            done = done if cached.code else cached
        if done.code:
            raise EnvironmentFailed(_message(purpose, done), explanation(done))
        return done.output

    async def look(self, *arguments: str | Path, cwd: Path = NEUTRAL) -> Finished:
        """The same for a question whose failure is an answer."""
        return await self._attempt(arguments, purpose="uv could not be asked", cwd=cwd)

    async def _attempt(
        self,
        arguments: tuple[str | Path, ...],
        *,
        purpose: str,
        cwd: Path,
        given: str = "",
        holding: Sequence[int] = (),
        progress: Progress = quiet,
    ) -> Finished:
        environ = self.environ if cwd == NEUTRAL else {**self.environ, "UV_CACHE_DIR": await self._cache()}
        attempt = partial(
            run, self.command(*arguments), env=environ, cwd=cwd, deadline=self.deadline, given=given,
            holding=holding, progress=lambda line: progress(without_credentials(line)),
        )  # fmt: skip
        return await self.turn(attempt, purpose)

    async def _cache(self) -> str:
        """Where the operator has uv keep what it downloads, whatever the project says in whose folder it runs."""
        if "UV_CACHE_DIR" not in self.environ:
            self.environ["UV_CACHE_DIR"] = (await self.look("cache", "dir")).output.strip()
        return self.environ["UV_CACHE_DIR"]

    def command(self, *arguments: str | Path) -> tuple[str, ...]:
        """How ``uv ARGUMENTS`` is called, so that it writes plain lines."""
        return tuple(map(str, (self.path, "--color", "never", "--no-progress", *arguments)))

    async def turn(self, attempt: Callable[[], Awaitable[T]], purpose: str) -> T:
        """What ``attempt``, a run of uv, comes to when its turn has come. Raises EnvironmentFailed."""
        async with self._turns:
            return await self.guarded(attempt, purpose)

    async def guarded(self, attempt: Callable[[], Awaitable[T]], purpose: str) -> T:
        """The same at once."""
        try:
            return await attempt()
        except TimeoutError:
            raise EnvironmentFailed(f"{purpose}: uv had not finished after {self.deadline:g} s") from None
        except OSError as error:
            raise EnvironmentFailed(f"{purpose}: {self.path} could not be run: {error}") from error


def uv_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What of ``environ`` uv gets: its own and pip's configuration, certificates, proxies, and where its cache is.

    Variables that would point it at another project or interpreter are held back, and no interpreter is downloaded
    unless ``UV_PYTHON_DOWNLOADS`` says so. pyenv's shims give way to the interpreters behind them: a shim for a version
    that is not selected fails, and uv would stop at it.
    """
    passed = {key: value for key, value in environ.items() if _PASSED.fullmatch(key) and not _HELD_BACK.fullmatch(key)}
    home = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "/")) / ".pyenv")
    folders = [f for f in environ.get("PATH", os.defpath).split(os.pathsep) if Path(f) != home / "shims"]
    folders += [str(folder) for folder in sorted(home.glob("versions/*/bin"))]
    return {"UV_PYTHON_DOWNLOADS": "never", **passed, "PATH": os.pathsep.join(folders)}


def explanation(done: Finished) -> str:
    """The text of uv itself, without credentials."""
    return without_credentials(done.errors).strip()


def without_credentials(text: str) -> str:
    """``text`` with user and password taken out of every address."""
    return _CREDENTIALS.sub("", text)


def _message(purpose: str, done: Finished) -> str:
    if _NO_SPACE.search(done.errors):
        return f"{purpose}: the disk is full (free some space, or remove plugins that are no longer needed)"
    return f"{purpose}, uv says:"


def tell_what_matters(progress: Progress, line: str) -> None:
    """Tell a line of uv's, but for what the environment's path and the error of a failure say as well."""
    if line.strip() and not _DETAIL.match(line) and not _FAILURE.match(line):
        progress(line)
