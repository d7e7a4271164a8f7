"""The build backend of a package that comes as source; ``work(files)``, which tests write, is run by each build."""

from __future__ import annotations

import zipfile
from pathlib import Path

from work import work

WHEEL = "cloth-1.0-py3-none-any.whl"
INFO = "cloth-1.0.dist-info"


def build_wheel(folder, config_settings=None, metadata_directory=None):
    """See PEP 517."""
    files = {"cloth.py": "version = '1.0'\n"}
    work(files)
    files[f"{INFO}/METADATA"] = "Metadata-Version: 2.1\nName: cloth\nVersion: 1.0\n"
    files[f"{INFO}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{INFO}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{INFO}/RECORD"])
    with zipfile.ZipFile(Path(folder, WHEEL), "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return WHEEL
