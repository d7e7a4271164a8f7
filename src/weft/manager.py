"""The shape of szlabs go-plugin's manager: a base folder of plugins, each with one ``Execute(ctx)``. Without await.

::

    manager = weft.manager.default_manager()
    manager.set_plugin_base_dir("plugins")
    manager.load_plugins()
    spec, executor = manager.get_plugin("sample")
    context = weft.manager.background()
    context.set_value("sample", "hello go-plugin")
    executor(context)
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from weft.contracts.task_context import BasePluginContext, TaskContext
from weft.errors import ManifestError, Problem, UnknownPlugin, UsageError, WeftError
from weft.manifest import Manifest, check_placed, is_plugin
from weft.manifest.model import HttpServices
from weft.sync import Engine, Task

__all__ = ["Executor", "PluginManager", "Spec", "background", "default_manager"]
Executor = Callable[[TaskContext], Any]
"""Runs the plugin's ``Execute`` on a context: returns what it returns, raises PluginError with what it raises."""

logger = logging.getLogger("weft.manager")


@dataclass(frozen=True)
class Spec:
    """What a loaded plugin's ``plugin.json`` says of it."""

    name: str
    version: str
    description: str
    maintainers: tuple[str, ...]
    home: str
    http_services: HttpServices | None


class PluginManager:
    """Loads the plugins of a base folder. ``engine``: one that runs already (None: one of its own, until ``close``)."""

    def __init__(self, engine: Engine | None = None) -> None:
        self._given = engine
        self._own: Engine | None = None
        self._base: Path | None = None
        self._starting = threading.Lock()

    def set_plugin_base_dir(self, folder: str | Path) -> None:
        """The folder in which each plugin has one of its own, with its name. It need not be there yet."""
        self._base = Path(folder).absolute()

    def load_plugins(self) -> dict[str, WeftError]:
        """Load every folder's plugin, by name; returns, by folder, why one was not loaded, which is logged too.

        Raises UsageError where there is no base folder.
        """
        failed: dict[str, WeftError] = {}
        for folder in sorted(path for path in self._folder().iterdir() if path.is_dir() and path.name[0] != "."):
            try:
                self._load(folder)
            except WeftError as error:
                logger.warning("plugin %s was not loaded: %s", folder.name, error)
                failed[folder.name] = error
        return failed

    def load_plugin(self, name: str) -> None:
        """Load one, in place of what runs under its name. Raises UnknownPlugin, and what ``weft.Engine.load`` does."""
        folder = self._folder() / name
        if name in ("", "..") or folder.parent != self._base or not folder.is_dir():
            raise UnknownPlugin(f"there is no plugin {name!r} in {self._base}: expected a folder of that name")
        self._load(folder)

    def unload_plugin(self, name: str) -> None:
        """End a plugin once what it runs has ended, or its ``limits.drain`` has passed. Raises UnknownPlugin."""
        self._engine().unload(name)

    def get_plugin(self, name: str) -> tuple[Spec, Executor]:
        """What it says of itself, and what runs it, which stays right over upgrades. Raises UnknownPlugin."""
        engine = self._engine()
        return _spec(engine.plugin(name).manifest), engine.use(Task, name).execute

    def close(self) -> None:
        """End everything that this manager started. Safe to call twice; the next load begins anew."""
        with self._starting:
            engine, self._own = self._own, None
        if engine is not None:
            engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _folder(self) -> Path:
        if self._base is None:
            raise UsageError("there is no base folder of plugins: call set_plugin_base_dir first")
        if not self._base.is_dir():
            raise UsageError(f"the base folder of plugins {self._base} is not there: make it, or name another")
        return self._base

    def _load(self, folder: Path) -> None:
        if not is_plugin(folder):
            raise ManifestError([Problem(str(folder), None, "", "has no plugin.json", "write one")])
        check_placed(folder)
        engine = self._engine()
        if folder.name in engine.plugins:
            engine.upgrade(folder.name, folder)
        else:
            engine.load(folder)

    def _engine(self) -> Engine:
        with self._starting:
            if self._given is not None:
                return self._given
            if self._own is None:
                self._own = Engine().start()
            return self._own


@cache
def default_manager() -> PluginManager:
    """The one of this program; what it runs ends with the program."""
    manager = PluginManager()
    atexit.register(manager.close)
    return manager


def background() -> BasePluginContext:
    """A new context without values or deadline."""
    return BasePluginContext()


def _spec(manifest: Manifest) -> Spec:
    return Spec(
        manifest.name,
        manifest.version,
        manifest.description,
        manifest.authors,
        manifest.homepage,
        manifest.http_services,
    )
