"""What may import what, beyond the layers: the plugin side the standard library, the slim library five packages."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SOURCE = Path(__file__).parents[2] / "src"
WEFT = SOURCE / "weft"
PLUGIN_SIDE = ["__init__.py", "errors.py", "types.py", "contracts", "calls", "wire", "sdk"]
OPTIONAL_ON_THE_PLUGIN_SIDE = {"msgspec", "uvloop", "a2wsgi"}
"""The helpers: used where they are found, and only inside a function or a ``try`` that has another way."""
SLIM = {"msgspec", "packaging", "uv", "uvloop", "ruamel"}
TESTERS = {"pytest"}
"""Imported by ``weft.testing`` where pytest loads it, and asked for by nobody."""
SERVER_SIDE = {"server", "cli", "console", "gateway"}


def modules(*names: str) -> list[Path]:
    """The Python files of these files and folders of the package, those that exist."""
    found = [WEFT / name for name in names]
    return sorted(file for path in found for file in ([path] if path.is_file() else path.rglob("*.py")))


def slim() -> list[Path]:
    return [path for path in WEFT.rglob("*.py") if path.relative_to(WEFT).parts[0] not in SERVER_SIDE]


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names of everything that is imported below ``tree``, relative imports left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def at_import(tree: ast.Module) -> Iterator[str]:
    """Names that are imported when the module is, without a way around their absence."""
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from imported(node)


def parsed(path: Path, **options: tuple[int, int]) -> ast.Module:
    return ast.parse(path.read_text(), str(path), **options)


@pytest.mark.parametrize("path", modules(*PLUGIN_SIDE), ids=lambda path: str(path.relative_to(WEFT)))
def test_the_plugin_side_needs_only_the_standard_library(path: Path) -> None:
    own = {*sys.stdlib_module_names, "weft"}
    assert set(at_import(parsed(path))) <= own
    assert set(imported(parsed(path))) <= own | OPTIONAL_ON_THE_PLUGIN_SIDE


@pytest.mark.parametrize("path", modules(*PLUGIN_SIDE), ids=lambda path: str(path.relative_to(WEFT)))
def test_the_plugin_side_is_python_3_9(path: Path) -> None:
    parsed(path, feature_version=(3, 9))


@pytest.mark.parametrize("path", slim(), ids=lambda path: str(path.relative_to(WEFT)))
def test_the_slim_library_imports_nothing_of_the_server(path: Path) -> None:
    known = {*sys.stdlib_module_names, "weft", "a2wsgi", "jsonschema_rs"} | SLIM
    assert set(imported(parsed(path))) <= known | (TESTERS if "testing" in path.parts else set())


LENT = {"a2wsgi"}
"""Imported in plugins only, from the folder that the host lends."""
BROUGHT = {"starlette": "fastapi"}
"""Imported under a name of its own, and a promised part of another."""


def test_every_imported_package_is_declared() -> None:
    project = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + project["optional-dependencies"]["server"]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    distributions = packages_distributions()
    for path in WEFT.rglob("*.py"):
        for name in set(imported(parsed(path))) - set(sys.stdlib_module_names) - {"weft"} - LENT - TESTERS:
            owners = {canonicalize_name(BROUGHT.get(name, owner)) for owner in distributions.get(name, [name])}
            assert owners & declared, f"{path.relative_to(SOURCE)} imports {name}: pyproject.toml does not ask for it"


def interpreter(version: str) -> str | None:
    """An interpreter of this version that works, on PATH or where pyenv keeps them."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python{version}"), *sorted(map(str, pyenv.glob(f"{version}.*/bin/python")))]
    for candidate in filter(None, found):
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


IMPORT_ALL = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
for name in sys.argv[2:]:
    importlib.import_module(name)
print(",".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.12", "3.13"])
def test_the_plugin_side_imports_on_other_pythons(version: str) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    names = [".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in modules(*PLUGIN_SIDE)]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    command = [python, "-I", "-S", "-c", IMPORT_ALL, str(SOURCE), *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.strip().split(",")) & OPTIONAL_ON_THE_PLUGIN_SIDE


def test_importing_weft_is_lazy() -> None:
    """A contract's module costs a plugin nothing: ``import weft`` loads neither the engine nor asyncio."""
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import weft; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert not {"asyncio", "msgspec", "weft.engine", "weft.calls", "weft.wire"} & set(done.stdout.split())
