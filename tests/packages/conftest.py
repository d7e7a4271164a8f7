"""Packages for environments, made here: no index is needed."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

MakeWheel = Callable[..., Path]


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeWheel:
    """``wheel(name, version, *requires)``: a module that says its version, in the only place where uv looks."""
    shelf = tmp_path / "wheels"
    shelf.mkdir()
    configuration = tmp_path / "uv.toml"
    configuration.write_text(f'no-index = true\nfind-links = ["{shelf}"]\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(configuration))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))

    def make(name: str, version: str, *requires: str) -> Path:
        info = f"{name}-{version}.dist-info"
        files = {
            f"{name}.py": f"version = {version!r}\n",
            f"{info}/METADATA": "\n".join(
                [
                    f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
                    *(f"Requires-Dist: {r}" for r in requires),
                    "",
                ]
            ),
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
        target = shelf / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(target, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
        return target

    return make
