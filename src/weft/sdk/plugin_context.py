"""What a plugin may know of itself: its name, settings, folders, and when to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Any, Callable, Optional, TypeVar

from weft.errors import UsageError

T = TypeVar("T")
GIVEN = "__weft_context__"
"""The global of a plugin's modules by which ``context()`` knows whose they are, where several share an interpreter."""


class Context:
    """A plugin's own context; ``weft.sdk.context()`` gives it to code that is handed none.

    ``config`` is the deployment's values over the manifest's (a mapping, or an instance of the entry's own
    ``Config``); ``data_dir`` is the plugin's own folder, kept over upgrades; ``stopping`` is set when the plugin is
    asked to stop, before its shutdown is called.
    """

    def __init__(
        self, name: str, version: str, config: Any, data_dir: str, use: Optional[Callable[..., Any]] = None
    ) -> None:
        self.name = name
        self.version = version
        self.config = config
        self.data_dir = data_dir
        self.logger = logging.getLogger(name)
        self.stopping = asyncio.Event()
        self._use = use

    def use(self, contract: Callable[..., T], name: Optional[str] = None) -> T:
        """Another plugin that provides ``contract``, as an object whose methods are the contract's.

        ``name`` says which, or is the id of a component; without it, the only provider. The plugin's
        ``permissions.plugins`` must name the other plugin. Raises UsageError where no host can be asked.
        """
        if self._use is None:
            raise UsageError(f"plugin {self.name} has no host to ask for other plugins")
        used: T = self._use(contract, name)
        return used

    def __repr__(self) -> str:
        """Without the configuration, which may hold secrets."""
        return f"Context(name={self.name!r}, version={self.version!r}, data_dir={os.fspath(self.data_dir)!r})"


class _Current:
    """A process's one plugin: set once, by the process itself, before the plugin's code is imported."""

    context: Optional[Context] = None


def enter(context: Context) -> None:
    """Make ``context`` the one that ``context()`` gives."""
    _Current.context = context


def context() -> Context:
    """The context of the plugin that calls this, or that this process runs. Raises UsageError anywhere else."""
    if _Current.context is not None:
        return _Current.context
    frame: Any = sys._getframe(1)  # noqa: SLF001 - no variable says which plugin of several in one interpreter calls
    while frame is not None and GIVEN not in frame.f_globals:
        frame = frame.f_back
    if frame is None:
        raise UsageError("there is no plugin context here: this code was not started by a weft host")
    its: Context = frame.f_globals[GIVEN]
    return its
