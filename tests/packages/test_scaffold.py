"""What ``weft new`` writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import Conflict, NotInThisVersion, StorageFailed, UsageError
from weft.manifest import Provided, check
from weft.packages.scaffold import contents, module_name, scaffold


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["shop", "My-Shop", "7days", "json", "class", "test_x", "-", "_"])
def test_a_new_plugin_is_whole(tmp_path: Path, name: str) -> None:
    files = scaffold(name, "web", tmp_path / "new")
    assert all(path.is_file() for path in files)
    report = check(tmp_path / "new" / name)
    assert report.ok, (report.problems, report.warnings)
    assert report.manifest is not None
    assert (report.manifest.name, report.manifest.provides) == (name, (Provided("web"),))
    assert names(tmp_path / "new") == [name]


def test_its_test_passes(tmp_path: Path) -> None:
    scaffold("json", "web", tmp_path)
    command = [sys.executable, "-W", "error", "-m", "unittest", "-v"]
    done = subprocess.run(command, cwd=tmp_path / "json", check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Ran 2 tests" in done.stderr


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "x" * 64])
def test_a_name_that_no_plugin_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        scaffold(name, "web", tmp_path)
    assert names(tmp_path) == []


def test_a_kind_of_a_later_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotInThisVersion, match="form form: not in this version; there are web, task"):
        scaffold("shop", "form", tmp_path)


@pytest.mark.parametrize("name", ["sample", "json"])
def test_one_in_go_plugins_form_is_whole_and_its_test_passes(tmp_path: Path, name: str) -> None:
    scaffold(name, "szlabs", tmp_path)
    report = check(tmp_path / name)
    assert report.ok, (report.problems, report.warnings)
    assert report.notes == ()
    assert report.manifest is not None
    assert (report.manifest.name, report.manifest.form) == (name, "plugin.json")
    command = [sys.executable, "-m", "unittest"]
    done = subprocess.run(command, cwd=tmp_path / name, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Ran 2 tests" in done.stderr


def test_a_task_is_whole_and_its_test_passes(tmp_path: Path) -> None:
    scaffold("work", "task", tmp_path)
    report = check(tmp_path / "work")
    assert report.ok, (report.problems, report.warnings)
    assert report.manifest is not None
    assert report.manifest.provides == (Provided("task"),)
    command = [sys.executable, "-m", "unittest"]
    done = subprocess.run(command, cwd=tmp_path / "work", check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Ran 2 tests" in done.stderr


def test_a_plugin_in_stockpiles_form_is_whole_and_its_test_passes(tmp_path: Path) -> None:
    scaffold("my-shelf", "stockpile", tmp_path)
    report = check(tmp_path / "my-shelf")
    assert report.ok, (report.problems, report.warnings)
    assert report.manifest is not None
    assert report.manifest.entry == "my_shelf:InitializePlugin"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(command, cwd=tmp_path / "my-shelf", check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "12 passed" in done.stdout


def test_a_plugin_in_glooms_shape_is_whole_and_its_test_passes(tmp_path: Path) -> None:
    scaffold("my-site", "gloom", tmp_path)
    report = check(tmp_path / "my-site")
    assert (report.ok, report.notes) == (True, ()), (report.problems, report.warnings)
    assert report.manifest is not None
    assert report.manifest.entry == "my_site:Plugin"
    command = [sys.executable, "-W", "error", "-m", "unittest"]
    done = subprocess.run(command, cwd=tmp_path / "my-site", check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Ran 2 tests" in done.stderr


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    with pytest.raises(Conflict, match="exists already"):
        scaffold("shop", "web", tmp_path)
    assert names(tmp_path / "shop") == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="shop"):
        scaffold("shop", "web", tmp_path / "file")


@given(st.from_regex(r"\A[A-Za-z0-9_-]{1,63}\Z"))
def test_every_name_gives_a_module_that_can_be_imported(name: str) -> None:
    module = module_name(name)
    assert module.isidentifier()
    assert module not in sys.stdlib_module_names
    assert f"{module}.py" in contents(name, "web")
