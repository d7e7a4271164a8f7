"""Where paths lead, and whether one that is allowed covers one that is asked for."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Paths and where they lead: ``real`` has those that were looked up, the others lead to themselves.

    ``state``: the server's own folder, with its token and the data of all plugins; '' for none.
    """

    state: str = ""
    real: Mapping[str, str] = field(default_factory=dict)

    def of(self, path: str) -> str:
        """Where ``path`` leads."""
        return self.real.get(path) or posixpath.normpath(path)

    def covers(self, allowed: str, asked: str) -> bool:
        """Whether who may touch ``allowed`` may touch ``asked``: it is the same, or lies in it.

        What lies in the server's state, or holds it, is allowed by its own path alone, and by no link that leads there.
        """
        below = self.of(asked)
        return posixpath.normpath(allowed) == below if self.reaches_state(asked) else is_within(below, self.of(allowed))

    def named(self, path: str) -> str:
        """The path that has to be allowed for ``path``."""
        return self.of(path) if self.reaches_state(path) else path

    def reaches_state(self, path: str) -> bool:
        """Whether ``path`` leads into the server's own folder, or to a folder that holds it."""
        real = self.of(path)
        return bool(self.state) and (is_within(real, self.state) or is_within(self.state, real))


def is_within(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder``, or lies in it; both absolute, in their one spelling."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def look_up(paths: Iterable[str], state: Path) -> Places:
    """Follow the links of ``paths`` as they are now. Blocking: a network's folder may take its time."""
    return Places(os.path.realpath(state), {path: os.path.realpath(path) for path in paths})
