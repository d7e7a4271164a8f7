"""From what a plugin requires to the exact packages: its lock as it stands, or a resolution kept for the next time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from weft.errors import EnvironmentFailed
from weft.manifest.model import Requires
from weft.packages.builds import Builds
from weft.packages.durable import write_whole
from weft.packages.interpreters import Interpreter
from weft.packages.project import check_project
from weft.packages.uv import NEUTRAL, Uv
from weft.types import Progress

_PYLOCK = "pylock.toml"
_LOCAL = re.compile(r"^(-e |\.{0,2}/)|@ file:|\bpath\s*=\s*\"", re.MULTILINE)
"""Packages that lie in a folder: the text alone does not tell what is in them."""
_VARIABLE = "${"
_NO_VARIABLES = "variables of the server are not for plugins, write what is meant"
_CONTINUED = re.compile(r"\\\n")
_HASHES = re.compile(r"\s--hash=\w+:[0-9a-f]+")
_PLAIN = ("--no-header", "--no-annotate", "--no-emit-package", "weft")


@dataclass(frozen=True)
class Resolved:
    """Exact packages: the text of a requirements file with hashes, or of a ``pylock.toml``."""

    text: str
    filename: str = "requirements.txt"
    folder: Path = NEUTRAL
    """Where uv runs, and what relative paths in the text are relative to."""

    def digest(self, interpreter: Interpreter) -> str:
        """Content address of these packages on ``interpreter``; with the folder, where packages come from within it."""
        folder = [bytes(self.folder)] if _LOCAL.search(self.text) else []
        return content_address(interpreter.identity.encode(), self.text.encode(), *folder)

    @property
    def empty(self) -> bool:
        return self.filename != _PYLOCK and not self.text.strip()


class Resolutions:
    """Resolves, and keeps results under ``root`` by what it was made from: an unchanged set is never resolved again."""

    def __init__(self, root: Path, uv: Uv, builds: Builds) -> None:
        self._root = root
        self._uv = uv
        self._builds = builds

    async def resolve(
        self, requires: Requires, interpreter: Interpreter, *, plugin: str, progress: Progress
    ) -> Resolved:
        """The exact packages for ``requires``. Raises EnvironmentFailed with uv's explanation."""
        if requires.lock is None:
            lines = requirement_lines(requires.packages, plugin=plugin)
            return Resolved(await self._packages(lines, interpreter, plugin, progress) if lines else "")
        await asyncio.to_thread(check_project, requires.lock.parent, plugin=plugin, environ=self._uv.environ)
        if requires.lock.name == "uv.lock":
            text = await self._project(requires.lock, interpreter, plugin, progress)
            return Resolved(text, folder=requires.lock.parent)
        return Resolved((await _content(requires.lock, plugin)).decode(), _PYLOCK, requires.lock.parent)

    async def _packages(self, lines: list[str], interpreter: Interpreter, plugin: str, progress: Progress) -> str:
        given = "\n".join(lines)
        kept = self._place(interpreter, given.encode())
        if (text := await asyncio.to_thread(_read, kept)) is not None:
            return text
        progress(f"resolving {len(lines)} requirement{'s'[: len(lines) != 1]}")
        purpose = f"plugin {plugin}: its packages could not be resolved"
        ran = await self._builds.run(
            "pip", "compile", "--quiet", "--generate-hashes", *_PLAIN, "--python", interpreter.path,
            plugin=plugin, purpose=purpose, interpreter=interpreter, packages=given, progress=progress,
        )  # fmt: skip
        if ran.built and (stray := stray_lines(ran.output)):
            raise EnvironmentFailed(f"{purpose}: a build has put into uv's answer what is no package: {stray[0]!r}")
        await asyncio.to_thread(write_whole, kept, ran.output.encode())
        return ran.output

    async def _project(self, lock: Path, interpreter: Interpreter, plugin: str, progress: Progress) -> str:
        project = await _content(lock.with_name("pyproject.toml"), plugin)
        kept = self._place(interpreter, b"uv.lock", await _content(lock, plugin), project)
        if (text := await asyncio.to_thread(_read, kept)) is not None:
            return text
        text = await self._uv.run(
            "export", "--quiet", "--no-build", "--frozen", "--no-dev", "--no-editable", "--no-emit-project", *_PLAIN,
            "--python", interpreter.path,
            purpose=f"plugin {plugin}: its uv.lock could not be used", cwd=lock.parent, progress=progress,
        )  # fmt: skip
        if _VARIABLE in text:
            raise EnvironmentFailed(f"plugin {plugin}: {lock} names a package by {_VARIABLE}…}}: {_NO_VARIABLES}")
        await asyncio.to_thread(write_whole, kept, text.encode())
        return text

    def _place(self, interpreter: Interpreter, *made_from: bytes) -> Path:
        return self._root / f"{content_address(interpreter.identity.encode(), *made_from)}.txt"

    def collect(self, wanted: Iterable[str]) -> None:
        """Forget every resolution whose text is not among ``wanted`` (environments that exist)."""
        texts = {sha256(text.encode()).digest() for text in wanted}
        for kept in self._root.glob("*.txt"):
            if sha256(kept.read_bytes()).digest() not in texts:
                kept.unlink(missing_ok=True)


def requirement_lines(packages: Iterable[str], *, plugin: str) -> list[str]:
    """``packages`` in one form and order, without ``weft``, which the host lends.

    Raises EnvironmentFailed for what is no requirement (PEP 508), such as an option for the installer, and for what
    names a variable: uv would put in the server's, passwords of indexes among them.
    """
    lines = set()
    for package in packages:
        try:
            requirement = Requirement(package)
        except InvalidRequirement as error:
            raise EnvironmentFailed(f"plugin {plugin}: requires.packages has {package!r}: {error}") from error
        if _VARIABLE in package:
            raise EnvironmentFailed(f"plugin {plugin}: requires.packages has {package!r}: {_NO_VARIABLES}")
        if canonicalize_name(requirement.name) != "weft":
            lines.add(str(requirement))
    return sorted(lines)


def stray_lines(text: str) -> list[str]:
    """Lines of a requirements file that are no requirement with hashes: options, other files, variables of uv's."""
    lines = _CONTINUED.sub(" ", text).splitlines()
    return [line for line in lines if line.strip() and not _is_plain(_HASHES.sub("", line).strip())]


def _is_plain(line: str) -> bool:
    try:
        Requirement(line)
    except InvalidRequirement:
        return False
    return _VARIABLE not in line


def content_address(*parts: bytes) -> str:
    """128 bits of SHA-256 over ``parts``, as hex; the parts cannot run into each other."""
    digest = sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()[:32]


async def _content(file: Path, plugin: str) -> bytes:
    try:
        return await asyncio.to_thread(file.read_bytes)
    except OSError as error:
        raise EnvironmentFailed(f"plugin {plugin}: {file} could not be read: {error.strerror}") from error


def _read(kept: Path) -> str | None:
    try:
        return kept.read_text()
    except FileNotFoundError:
        return None
