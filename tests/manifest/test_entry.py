"""Where a plugin begins, told from its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.manifest import read_manifest


def entry(folder: Path, **files: str) -> str | None:
    """The entry of a folder with these files; ``__`` stands for a dot, ``_in_`` for a slash."""
    (folder / "plugin.yaml").write_text("version: '1'")
    for name, text in files.items():
        path = folder / name.replace("_in_", "/").replace("__py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_manifest(folder).entry


@pytest.mark.parametrize(
    ("source", "attribute"),
    [
        ("app = 1", "app"),
        ("app: int = 1", "app"),
        ("app: int", None),
        ("async def app(s, r, t): ...", "app"),
        ("def application(e, s): ...", "application"),
        ("class Plugin: ...", "Plugin"),
        ("Plugin = make()\napp = 2", "app"),
        ("def Execute(): ...\ndef InitializePlugin(): ...", "Execute"),
        ("def InitializePlugin(): ...", "InitializePlugin"),
        ("from .web import app", "app"),
        ("from .web import create as application", "application"),
        ("import app", "app"),
        ("app, other = 1, 2", "app"),
        ("if True:\n    pass\nelse:\n    app = 1", "app"),
        ("try:\n    import x\nexcept ImportError:\n    app = 1", "app"),
        ("def f():\n    app = 1", None),
        ("from .web import *", None),
        ("x = 1", None),
        ("app = (", None),
        ("app = 1\0", None),
    ],
)
def test_the_attribute_is_found_in_the_source(tmp_path: Path, source: str, attribute: str | None) -> None:
    assert entry(tmp_path, shop__py=source) == (f"shop:{attribute}" if attribute else "shop")


def test_nothing_is_imported(tmp_path: Path) -> None:
    assert entry(tmp_path, shop__py="raise SystemExit('imported')\napp = 1") == "shop:app"


def test_a_package_is_an_entry(tmp_path: Path) -> None:
    assert entry(tmp_path, shop_in___init____py="app = 1", shop_in_models__py="") == "shop:app"


def test_a_package_under_src_is_an_entry(tmp_path: Path) -> None:
    assert entry(tmp_path, src_in_shop_in___init____py="app = 1", tests_in___init____py="") == "shop:app"


def test_what_stands_aside_is_no_entry(tmp_path: Path) -> None:
    files = {"setup__py": "app = 1", "conftest__py": "", "test_shop__py": "", "docs_in_conf__py": ""}
    assert entry(tmp_path, shop__py="app = 1", **files) == "shop:app"


def test_two_modules_are_not_plain(tmp_path: Path) -> None:
    assert entry(tmp_path, a__py="app = 1", b__py="app = 1") is None


def test_an_entry_that_is_given_stays(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("app = 1")
    (tmp_path / "plugin.yaml").write_text("version: '1'\nentry: a:make")
    assert read_manifest(tmp_path).entry == "a:make"
