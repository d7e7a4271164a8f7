"""Finding a plugin's entry in its folder."""

from __future__ import annotations

import sys

import pytest

from weft.errors import StartFailed
from weft.sdk.loader import ATTRIBUTES, load_entry


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """``folder(name=text, …)``: a folder of files; what is imported from it is forgotten in the end."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def make(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path = path.with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return str(tmp_path)

    yield make
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_the_one_module_and_its_one_attribute_are_found(folder, attribute):
    assert load_entry(folder(only_module_1=f"{attribute} = 7"), None) == (f"only_module_1:{attribute}", 7)


def test_the_first_of_several_attributes_is_taken(folder):
    assert load_entry(folder(only_module_2="Plugin = 1\napp = 2"), None) == ("only_module_2:app", 2)


def test_a_package_a_src_folder_and_a_dotted_attribute(folder, tmp_path):
    where = folder(src__shop_pkg__web="class A:\n    b = 3\n")
    (tmp_path / "src" / "shop_pkg" / "__init__.py").write_text("from shop_pkg.web import A as application")
    (tmp_path / "conftest.py").touch()
    (tmp_path / "test_it.py").touch()
    assert load_entry(where, None)[0] == "shop_pkg:application"
    assert load_entry(where, "shop_pkg.web:A.b") == ("shop_pkg.web:A.b", 3)


@pytest.mark.parametrize(
    ("files", "entry", "text"),
    [
        ({}, None, "no Python module in"),
        ({"aaa": "", "bbb": ""}, None, r"several modules could be the entry \(aaa, bbb\)"),
        ({"bare_module": "x = 1"}, None, "module bare_module has no entry: expected one of app, application, Plugin"),
        ({"bare_module": "x = 1"}, "bare_module:app", "module bare_module has no attribute 'app'"),
    ],
)
def test_what_does_not_fit_is_told_with_its_remedy(folder, files, entry, text):
    with pytest.raises(StartFailed, match=text):
        load_entry(folder(**files), entry)


def test_what_the_plugin_raises_is_passed_on(folder):
    with pytest.raises(ZeroDivisionError):
        load_entry(folder(divides="1 / 0"), None)
