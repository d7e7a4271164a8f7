"""The modules of one version of one inline plugin, in a table of their own.

Two versions of a plugin live beside each other while the old one finishes what it began, and ``sys.modules`` has one
place for each name. So every module of a plugin gets an ``__import__`` of its own (in its ``__builtins__``), by which
its code finds the modules of its own version, whichever version ``sys.modules`` shows to everyone else.
"""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Hashable, Iterable, Mapping, Sequence
from importlib.abc import Loader
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

from weft.runtimes.inline.names import Files


class PluginModules:
    """One version's modules. ``owner`` is one and the same for every version of a plugin, ``who`` names it.

    ``given`` are globals that each module has before its code runs. Safe to use from several threads.
    """

    def __init__(self, files: Files, *, owner: Hashable, who: str, given: Mapping[str, Any] | None = None) -> None:
        self.files = files
        self.owner = owner
        self.who = who
        self._given = {**(given or {}), "__builtins__": {**vars(builtins), "__import__": self._import}}
        self._finders: dict[str, FileFinder] = {}
        self._begun: dict[str, ModuleType] = {}
        self._ready: dict[str, ModuleType] = {}
        self._executing = threading.RLock()
        self._showing = threading.Lock()
        self._shown = False
        self._hidden: dict[str, ModuleType] = {}
        self._abandoned = False

    def has(self, name: str) -> bool:
        """Whether a module of that dotted name would be one of these."""
        return name.partition(".")[0] in self.files.names

    # What sys.modules shows.

    def show(self) -> None:
        """Put into ``sys.modules`` what was there when it was hidden; what is loaded from now on goes there as well."""
        with self._showing:
            self._shown = True
            sys.modules.update(self._hidden)
            self._hidden = {}

    def hide(self) -> None:
        """Take every module of these names out of ``sys.modules``; code that runs goes on with its own."""
        with self._showing:
            if self._shown:
                self._shown = False
                self._hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if self.has(name)}

    def abandon(self) -> None:
        """Import nothing any more: a thread that still runs their code fails at its next import."""
        self._abandoned = True

    # Importing.

    def load(self, name: str) -> ModuleType:
        """Import one of these by its dotted name, with its parents. Raises what its code raises."""
        module = self._ready.get(name)
        if module is not None:
            return module
        with self._executing:
            return self._begun[name] if name in self._begun else self._load(name)

    def _load(self, name: str) -> ModuleType:
        if self._abandoned:
            raise ImportError(f"the start of {self.who} was given up: {name} is not imported", name=name)
        parent, _, child = name.rpartition(".")
        package = self.load(parent) if parent else None
        if name in self._begun:  # its package imports it
            return self._begun[name]
        spec = self.find(name)
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        module = module_from_spec(spec)
        vars(module).update(self._given)
        if package is not None:  # as Python's own import finds a module that is being imported in a circle
            setattr(package, child, module)
        self._ready[name] = module = self._execute(name, module, spec.loader)
        if package is not None:
            setattr(package, child, module)
        return module

    def _execute(self, name: str, module: ModuleType, loader: Loader) -> ModuleType:
        """Run a module's code; a module may put another in its own place in ``sys.modules``."""
        self._begun[name] = module
        self._place(name, module)
        try:
            loader.exec_module(module)
        except BaseException:
            del self._begun[name]
            self._displace(name)
            raise
        with self._showing:
            other = sys.modules.get(name) if self._shown else None
        self._begun[name] = module if other is None else other
        return self._begun[name]

    def _place(self, name: str, module: ModuleType) -> None:
        with self._showing:
            if self._shown:
                sys.modules[name] = module

    def _displace(self, name: str) -> None:
        with self._showing:
            (sys.modules if self._shown else self._hidden).pop(name, None)

    def find(self, name: str) -> ModuleSpec | None:
        """Search one of these; a package of several folders without ``__init__.py`` is a namespace package."""
        parent = name.rpartition(".")[0]
        portions: list[str] = []
        for place in self._path(parent) if parent else map(str, self.files.places):
            spec = self._finder(place).find_spec(name)
            if spec is not None and spec.loader is not None:
                return spec
            portions += (spec.submodule_search_locations or ()) if spec is not None else ()
        return _namespace(name, portions) if portions else None

    def _path(self, package: str) -> Iterable[str]:
        return getattr(self.load(package), "__path__", ())

    def _finder(self, place: str) -> FileFinder:
        if place not in self._finders:
            self._finders[place] = FileFinder(
                place,
                (ExtensionFileLoader, EXTENSION_SUFFIXES),
                (_SourceLoader, SOURCE_SUFFIXES),
                (SourcelessFileLoader, BYTECODE_SUFFIXES),
            )
        return self._finders[place]

    # What ``import`` does in their code.

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 (the names of builtins.__import__)
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        absolute = _absolute(name, globals, level)
        if absolute is None or not self.has(absolute):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = self.load(absolute)
        if fromlist:
            self._submodules(absolute, module, fromlist)
            return module
        first = absolute[: len(absolute) - len(name) + len(name.partition(".")[0])]
        return self._begun[first]

    def _submodules(self, package: str, module: ModuleType, names: Iterable[str]) -> None:
        """``from package import name``: where it has no such attribute, there may be a module."""
        for name in names if hasattr(module, "__path__") else ():
            if name == "*":
                self._submodules(package, module, [each for each in getattr(module, "__all__", ()) if each != "*"])
            elif not hasattr(module, name):
                self._load_if_there(f"{package}.{name}")

    def _load_if_there(self, name: str) -> None:
        try:
            self.load(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise


class _SourceLoader(SourceFileLoader):
    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Write no bytecode: a plugin's folder stays as it is."""


class _NamespaceLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> None:
        """As usual."""

    def exec_module(self, module: ModuleType) -> None:
        """It has no code."""


def _namespace(name: str, portions: list[str]) -> ModuleSpec:
    spec = ModuleSpec(name, _NamespaceLoader(), is_package=True)
    spec.submodule_search_locations = portions
    return spec


def _absolute(name: str, given: Mapping[str, Any] | None, level: int) -> str | None:
    """The module's name in full; None where a relative one leads nowhere, which Python's own import explains."""
    if not level:
        return name
    package = (given or {}).get("__package__") or ""
    parts = package.split(".") if package else []
    if level > len(parts):
        return None
    base = ".".join(parts[: len(parts) - level + 1])
    return f"{base}.{name}" if name else base
