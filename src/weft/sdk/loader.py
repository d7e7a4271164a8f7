"""Finds and imports a plugin's entry, in the plugin's own process."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, Optional, Tuple

from weft.errors import StartFailed

ATTRIBUTES = ("app", "application", "Plugin", "Execute", "InitializePlugin", "initialize_plugin")
"""Where an entry that names no attribute is looked for, in this order."""


def load_entry(folder: str, entry: Optional[str], *, module: bool = False) -> Tuple[str, Any]:
    """Import ``module:attribute``, ``module``, or what ``folder`` holds. Returns the entry in full, and the object.

    With ``module``, a module in which nothing is to be found may be the entry itself: its functions are the methods.
    Raises StartFailed when nothing fits; whatever the plugin's own code raises is passed on as it is.
    """
    for path in (os.path.join(folder, "src"), folder):
        if os.path.isdir(path) and path not in sys.path:
            sys.path.insert(0, path)
    module_name, _, attribute = (entry or _only_module(folder)).partition(":")
    imported = _imported(folder, module_name)
    if attribute:
        return f"{module_name}:{attribute}", _attribute(imported, module_name, attribute)
    for candidate in ATTRIBUTES:
        if hasattr(imported, candidate):
            return f"{module_name}:{candidate}", getattr(imported, candidate)
    if module:
        return module_name, imported
    raise StartFailed(
        f"module {module_name} has no entry: expected one of {', '.join(ATTRIBUTES)}; name another with entry = "
        f'"{module_name}:NAME"'
    )


def _imported(folder: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        named = os.path.basename(error.path or "").startswith(f"{module.rpartition('.')[2]}.")
        compiled = error.path if named else _compiled(folder, module) if error.name == module else ""
        if not compiled or not compiled.endswith(".so"):
            raise
        raise StartFailed(
            f"{os.path.basename(compiled)} is no extension for this Python, {sys.implementation.cache_tag} on "
            f"{sys.platform}: build it with the Python that is to run it ({error})"
        ) from error


def _compiled(folder: str, module: str) -> str:
    """A compiled form of the module, for whatever Python; '' where there is none."""
    place, _, stem = module.replace(".", os.sep).rpartition(os.sep)
    for root in (os.path.join(folder, "src", place), os.path.join(folder, place)):
        for name in sorted(os.listdir(root)) if os.path.isdir(root) else ():
            if name.startswith(f"{stem}.") and name.endswith(".so"):
                return name
    return ""


def _attribute(module: Any, module_name: str, attribute: str) -> Any:
    found = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise StartFailed(f"module {module_name} has no attribute {attribute!r}, which entry names")
        found = getattr(found, part)
    return found


def _only_module(folder: str) -> str:
    places = [path for path in (os.path.join(folder, "src"), folder) if os.path.isdir(path)]
    for place in places:
        names = sorted(filter(None, (_module_name(place, name) for name in os.listdir(place))))
        if len(names) == 1:
            return names[0]
        if names:
            raise StartFailed(
                f'several modules could be the entry ({", ".join(names)}): name one with entry = "MODULE"'
            )
    raise StartFailed(f"no Python module in {folder}: expected one .py file or package")


def _module_name(place: str, name: str) -> str:
    path = os.path.join(place, name)
    if name.endswith(".py") and name[:-3].isidentifier() and not name.startswith(("test_", "conftest", "setup.")):
        return name[:-3]
    if name.isidentifier() and name != "tests" and os.path.isfile(os.path.join(path, "__init__.py")):
        return name
    return ""
