"""The one finder on ``sys.meta_path`` for the modules of inline plugins: which plugin a top-level name belongs to."""

from __future__ import annotations

import linecache
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from weft.runtimes.inline.modules import PluginModules

_INSTALLING = threading.Lock()


def plugin_finder() -> PluginFinder:
    """The interpreter's own; put before all others on ``sys.meta_path`` when there is none yet."""
    with _INSTALLING:
        for finder in sys.meta_path:
            if isinstance(finder, PluginFinder):
                return finder
        made = PluginFinder()
        sys.meta_path.insert(0, made)
        return made


class PluginFinder:
    """Every name has one owner. Of the versions of one plugin the newest is the one that others import."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._open: list[PluginModules] = []
        self._shown: Mapping[str, PluginModules] = {}

    def open(self, modules: PluginModules) -> list[str]:
        """Let these be imported, in place of an earlier version's.

        Returns the reasons against it, each with its remedy; nothing has changed then.
        """
        with self._changing:
            problems = [each for name in sorted(modules.files.names) for each in self._against(name, modules)]
            if not problems:
                before = self._newest(modules)
                if before is not None:
                    before.hide()
                self._open.append(modules)
                modules.show()
                self._show()
            return problems

    def close(self, modules: PluginModules) -> None:
        """Forget these; an earlier version that is still open takes its place again. Safe to call twice."""
        with self._changing:
            if modules not in self._open:
                return
            modules.hide()
            self._open.remove(modules)
            heir = self._newest(modules)
            if heir is not None:
                heir.show()
            self._show()
        _forget_files(modules.files.folder)

    def _newest(self, modules: PluginModules) -> PluginModules | None:
        return next((each for each in reversed(self._open) if each.owner == modules.owner), None)

    def _show(self) -> None:
        newest = {each.owner: each for each in self._open}
        self._shown = {name: each for each in newest.values() for name in each.files.names}

    def _against(self, name: str, modules: PluginModules) -> Iterator[str]:
        """Why a name cannot be this plugin's."""
        holder = next((each for each in self._open if name in each.files.names), None)
        if holder is not None:
            if holder.owner != modules.owner:
                yield f"module {name} is one of {holder.who} too ({holder.files.folder}): rename one of the two"
        elif name in sys.modules:
            yield f"module {name} is imported by the host already ({_place(sys.modules[name])}): rename the plugin's"
        elif name in sys.stdlib_module_names:
            yield f"module {name} is one of Python's standard library: rename the plugin's"
        elif (where := self._elsewhere(name, modules.files.folder)) is not None:
            remedy = "rename the plugin's; where it is the plugin's, move it off the host's sys.path"
            yield f"module {name} is one of the host's ({where}): {remedy}"

    def _elsewhere(self, name: str, folder: Path) -> str | None:
        """Where the host would import that name from; None where it would not, or from the plugin's own folder."""
        for finder in sys.meta_path:
            search = getattr(finder, "find_spec", None)
            spec = search(name, None) if search is not None and finder is not self else None
            if spec is not None and spec.loader is not None:  # a mere folder of that name is nobody's
                origin = spec.origin or "with no file"
                return None if Path(origin).is_relative_to(folder) else origin
        return None

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 (the interface's)
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """See importlib.abc.MetaPathFinder: what the host, or another plugin, imports."""
        modules = self._shown.get(name.partition(".")[0])
        spec = modules.find(name) if modules is not None else None
        if spec is None or modules is None:
            return None
        shown = ModuleSpec(name, _Shown(modules), origin=spec.origin)
        shown.submodule_search_locations = spec.submodule_search_locations
        return shown


class _Shown(Loader):
    """Gives the host's import system a module that the plugin's table loads."""

    def __init__(self, modules: PluginModules) -> None:
        self._modules = modules

    def create_module(self, spec: ModuleSpec) -> None:
        """A blank one, which is never seen."""

    def exec_module(self, module: ModuleType) -> None:
        """A module may put another in its place while it is executed: this one puts the plugin's."""
        assert module.__spec__ is not None
        name = module.__spec__.name
        sys.modules[name] = self._modules.load(name)


def _place(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or "with no file"


def _forget_files(folder: Path) -> None:
    """What Python keeps of files that it has read or searched."""
    root = f"{folder}{os.sep}"
    for cache in (linecache.cache, sys.path_importer_cache):
        for path in [each for each in list(cache) if str(each).startswith(root) or str(each) == str(folder)]:
            cache.pop(path, None)
