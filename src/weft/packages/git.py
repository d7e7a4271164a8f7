"""Code from a git repository, by the system's git: one commit, with its submodules, and nobody is asked anything."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weft.errors import PackageError
from weft.manifest.model import Git
from weft.packages.programs import Finished, run
from weft.packages.uv import without_credentials

DEADLINE = 120.0
"""Seconds for a repository with all that belongs to it."""
MOST_LEVELS = 8
"""Submodules within submodules."""
SSH = "ssh -oBatchMode=yes -oConnectTimeout=20"
"""How ssh is called, unless the operator says otherwise: by ``GIT_SSH_COMMAND``, or git's ``core.sshCommand``."""
QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
    "GIT_TEMPLATE_DIR": "",
    "GIT_CONFIG_COUNT": "3",
    "GIT_CONFIG_KEY_0": "credential.interactive",
    "GIT_CONFIG_VALUE_0": "false",
    "GIT_CONFIG_KEY_1": "core.hooksPath",
    "GIT_CONFIG_VALUE_1": os.devnull,
    "GIT_CONFIG_KEY_2": "advice.detachedHead",
    "GIT_CONFIG_VALUE_2": "false",
    "LC_ALL": "C",
}
PASSED = frozenset({"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_PROXY_COMMAND", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT"})
"""What git is told of by the operator's own ``GIT_`` variables; the others may speak of another repository."""
SECRET = re.compile(
    r"could not read (Username|Password)|Authentication failed|Permission denied|terminal prompts disabled"
    r"|HTTP Basic: Access denied"
)
STRANGER = re.compile(r"Host key verification failed")
ABBREVIATED = re.compile(r"[0-9a-f]{7,39}")
HINT = re.compile(r"fatal: Could not read from remote|Please make sure you have the correct|and the repository exists")
"""What git adds to the reason that ssh gives."""
NO_REF = re.compile(r"couldn't find remote ref|not our ref|unadvertised object|no matching remote head")


async def fetch(git: Git, into: Path, *, deadline: float = DEADLINE) -> str:
    """The repository's files at ``git.ref`` in the new folder ``into``; returns the commit.

    Raises PackageError: what could not be had, and why, within ``deadline`` seconds. Git ends with it when cancelled.
    """
    await asyncio.to_thread(into.mkdir, parents=True)
    return await _Fetch(git, deadline).run(into)


@dataclass
class _Fetch:
    git: Git
    deadline: float

    async def run(self, into: Path) -> str:
        self._ends = time.monotonic() + self.deadline
        self._environ = _environ(os.environ, self._url)
        await self._git(into, "init", "--quiet")
        await self._choose_ssh(into)
        await self._git(into, "remote", "add", "origin", self._url)
        await self._git(into, "fetch", "--quiet", "--depth", "1", "--no-tags", "origin", self.git.ref or "HEAD")
        commit = (await self._git(into, "rev-parse", "FETCH_HEAD^{commit}")).output.strip()
        if self.git.commit not in ("", commit):
            raise self._failed(
                f"{self.git.ref or 'its default branch'} has moved: expected commit {self.git.commit}, found {commit}; "
                "look at what changed, and write the new one"
            )
        await self._git(into, "checkout", "--quiet", "--detach", commit)
        await self._submodules(into, (self._url.removesuffix("/"),))
        return commit

    async def _choose_ssh(self, folder: Path) -> None:
        """Ours asks for nothing; the operator's own knows the keys. Neither has a terminal to ask at."""
        if "GIT_SSH_COMMAND" not in self._environ:
            configured = await self._run(folder, "config", "--get", "core.sshCommand")
            self._environ["GIT_SSH_COMMAND"] = configured.output.strip() or SSH

    async def _submodules(self, folder: Path, above: tuple[str, ...]) -> None:
        """Those of one checkout, then theirs; each is told from those that it lies in."""
        if not (folder / ".gitmodules").is_file():
            return
        await self._git(folder, "submodule", "--quiet", "init")
        found = await self._git(folder, "config", "--get-regexp", r"^submodule\..*\.url$")
        for line in found.output.splitlines():
            key, _, url = line.partition(" ")
            if url.removesuffix("/") in above or len(above) > MOST_LEVELS:
                what = "submodules lead in a circle" if url.removesuffix("/") in above else f"over {MOST_LEVELS} levels"
                raise self._failed(f"{what}: {' → '.join([*above, url])}; take that submodule out")
            path = await self._path_of(folder, key)
            await self._git(folder, "submodule", "--quiet", "update", "--depth", "1", "--", path)
            await self._submodules(folder / path, (*above, url.removesuffix("/")))

    async def _path_of(self, folder: Path, key: str) -> str:
        name = key.removesuffix(".url")
        return (await self._git(folder, "config", "-f", ".gitmodules", f"{name}.path")).output.strip()

    async def _git(self, folder: Path, *arguments: str) -> Finished:
        done = await self._run(folder, *arguments)
        if done.code:
            raise self._failed(_reason(done.errors, self.git.ref))
        return done

    async def _run(self, folder: Path, *arguments: str) -> Finished:
        left = self._ends - time.monotonic()
        try:
            return await run(["git", *arguments], env=self._environ, cwd=folder, deadline=max(left, 0.001))
        except TimeoutError:
            raise self._failed(f"it did not answer within {self.deadline:g} s") from None
        except OSError as error:
            raise self._failed(f"git could not be run: {error.strerror or error}; install git") from None

    def _failed(self, why: str) -> PackageError:
        return PackageError(without_credentials(f"repository {self._url}: {why}"))

    @property
    def _url(self) -> str:
        return self.git.url


def _reason(errors: str, ref: str) -> str:
    if SECRET.search(errors):
        return "it asks for a password or a key, and nobody is there to give it: set up git so that it needs none"
    if STRANGER.search(errors):
        return "ssh does not know this host by its key: connect to it once by hand, or add the key to known_hosts"
    if NO_REF.search(errors):
        hint = "; a commit is written with all 40 digits" if ABBREVIATED.fullmatch(ref) else ""
        return f"it has no branch, tag or commit {ref or 'HEAD'}{hint}"
    every = [line for line in errors.splitlines() if line.strip()]
    said = [line for line in every if not HINT.match(line)] or every
    return "git says: " + "; ".join(said[-3:]) if said else "git failed"


def _environ(environ: Mapping[str, str], url: str) -> dict[str, str]:
    """Submodules come the same way, or over the network: none reads files of this machine for a stranger."""
    own = {key: value for key, value in environ.items() if not key.startswith("GIT_") or key in PASSED}
    protocols = "https:ssh:file" if url.startswith("file:") else "https:ssh"
    return {**own, **QUIET, "GIT_ALLOW_PROTOCOL": protocols}
