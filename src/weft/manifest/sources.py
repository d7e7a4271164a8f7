"""What a path is: a plugin, in which form, or a folder of plugins."""

from __future__ import annotations

from pathlib import Path

from weft.manifest.document import refusal
from weft.manifest.readers import READERS, Reader


def find_reader(source: Path) -> Reader:
    """The one reader whose form the source is. Raises ManifestError where it is none, or several."""
    found = [reader for reader in READERS if reader.recognises(source)]
    found = [reader for reader in found if reader.form not in {each.refines for each in found}]
    found = [reader for reader in found if not reader.foreign] or found[:1]
    if len(found) == 1:
        return found[0]
    if found:
        forms = ", ".join(reader.form for reader in found)
        raise refusal(source, f"is a plugin in {len(found)} forms: {forms}", "keep one manifest")
    raise refusal(source, *_nothing(source))


def own_manifest(folder: Path) -> str:
    """The name of the file in which a folder says that it is a plugin, in a form of ours; '' where it does not.

    Raises ManifestError where it does so in several.
    """
    ours = any(reader.recognises(folder) and not reader.foreign for reader in READERS)
    return find_reader(folder).read(folder).path.name if ours else ""


def is_plugin(path: Path) -> bool:
    """Whether a file or folder that lies in a folder of plugins is one of them (a ``.py`` with [tool.weft] …)."""
    return any(reader.scanned(path) for reader in READERS)


def find_plugins(source: Path) -> list[Path]:
    """The source itself where it is a plugin or a file; else the plugins that lie in the folder, by name.

    Hidden files are left out. Raises ManifestError where the source does not exist or holds no plugin.
    """
    if source.is_file() or any(reader.recognises(source) for reader in READERS):
        return [source]
    inside = sorted(source.iterdir()) if source.is_dir() else []
    found = [path for path in inside if not path.name.startswith(".") and is_plugin(path)]
    if not found:
        raise refusal(source, *_nothing(source))
    return found


def stored_source(folder: Path) -> Path:
    """What to read of a release's files: the one ``.py`` file that is all there is, else the folder itself."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].suffix == ".py" and inside[0].is_file() else folder


def _nothing(source: Path) -> tuple[str, str]:
    """Why a source is no plugin, and the remedy."""
    if not source.exists():
        return "does not exist", ""
    if source.is_file():
        return "is no plugin", "name a .py file, a .plg archive, or a folder"
    if (source / "pyproject.toml").is_file():
        return "has a pyproject.toml without a [tool.weft] table", "add [tool.weft] to it"
    return "is no plugin and holds none", "add a pyproject.toml with a [tool.weft] table, or a plugin.yaml"
