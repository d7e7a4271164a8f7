"""What a plugin's interpreter runs: the standard library alone, on the oldest Python that plugins may have."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import weft

ROOT = Path(weft.__file__).parent
FILES = sorted(
    [ROOT / name for name in ("__init__.py", "errors.py", "types.py")]
    + [path for folder in ("contracts", "calls", "wire", "sdk") for path in (ROOT / folder).rglob("*.py")]
)
MODULES = [
    ".".join(("weft", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in FILES
    if path.name != "bootstrap.py"
]
LEND = "import sys; sys.path.insert(0, {!r}); from bootstrap import lend; sys.path.pop(0); lend({!r})\n"


def python_39():
    """A Python 3.9, on PATH or of pyenv; None where there is none."""
    found = [shutil.which("python3.9"), *map(str, Path.home().glob(".pyenv/versions/3.9.*/bin/python"))]
    for candidate in filter(None, found):
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def import_everything(python):
    code = LEND.format(str(ROOT / "sdk"), str(ROOT.parent)) + "import importlib\n"
    code += f"for name in {MODULES!r}: importlib.import_module(name)\n"
    code += "third = {'msgspec', 'uvloop', 'packaging', 'ruamel', 'a2wsgi', 'pydantic'} & set(sys.modules)\n"
    code += "host = [n for n in sys.modules if n.startswith(('weft.engine', 'weft.server', 'weft.settings'))]\n"
    code += "assert not third and not host, (third, host)\n"
    command = [python, "-I", "-S", "-B", "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})


def test_the_standard_library_is_enough():
    done = import_everything(sys._base_executable)
    assert done.returncode == 0, done.stderr


def test_python_39_runs_it():
    python = python_39()
    if python is None:
        pytest.skip("no Python 3.9 here")
    done = import_everything(python)
    assert done.returncode == 0, done.stderr


def test_only_weft_is_lent():
    code = LEND.format(str(ROOT / "sdk"), str(ROOT.parent))
    code += "import weft.errors\ntry:\n    import msgspec\nexcept ImportError:\n    print('alone')"
    done = subprocess.run([sys._base_executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "alone\n"
