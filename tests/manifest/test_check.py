"""What ``weft check`` finds."""

from __future__ import annotations

from pathlib import Path

from weft.manifest import check


def test_a_good_plugin_is_ok(tmp_path: Path) -> None:
    path = tmp_path / "hello.py"
    path.write_text("app = 1\n")
    report = check(path)
    assert report.ok
    assert report.manifest is not None
    assert report.manifest.name == "hello"


def test_problems_of_the_manifest_are_listed(tmp_path: Path) -> None:
    (tmp_path / "plugin.yaml").write_text("nam: x\n")
    report = check(tmp_path)
    assert not report.ok
    assert report.manifest is None
    assert [problem.key for problem in report.problems] == ["version", "nam"]


def test_a_form_of_a_later_version_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "gatewayd_plugin.yaml").write_text("")
    assert "not in this version" in check(tmp_path).problems[0].message


def test_code_that_does_not_compile_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "plugin.yaml").write_text("version: '1'\nentry: shop:app\n")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("from .web import app\n")
    (tmp_path / "shop" / "web.py").write_text("app = 1\nx = (\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bad.py").write_text("(")
    report = check(tmp_path)
    assert not report.problems
    assert [(warning.path, warning.line) for warning in report.warnings] == [(str(tmp_path / "shop" / "web.py"), 2)]


def test_a_missing_entry_is_named(tmp_path: Path) -> None:
    (tmp_path / "plugin.yaml").write_text("version: '1'\nentry: shop:app\n")
    assert [warning.key for warning in check(tmp_path).warnings] == ["entry"]
    (tmp_path / "plugin.yaml").write_text("version: '1'\nentry: datasette.app:app\nrequires: {packages: [datasette]}\n")
    assert check(tmp_path).ok


def test_an_entry_that_cannot_be_told_is_named(tmp_path: Path) -> None:
    (tmp_path / "plugin.yaml").write_text("version: '1'\n")
    (warning,) = check(tmp_path).warnings
    assert warning.key == "entry"
    assert warning.remedy


def test_a_missing_executable_is_named(tmp_path: Path) -> None:
    (tmp_path / "plugin.yaml").write_text("version: '1'\nruntime: executable\nentry: bin/plugin\n")
    assert check(tmp_path).warnings[0].path == str(tmp_path / "bin" / "plugin")


def test_source_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "plugin.yaml").write_text("version: '1'\nentry: shop\n")
    (tmp_path / "shop.py").write_bytes(b"x = '\xff'\n")
    assert "UTF-8" in check(tmp_path).warnings[0].message


GLOOM = """
class Site:
    async def init(self):
        if self.small:
            return {"BodyLimit": 1, "read_timeout": 5, "Prefork": True}
        return {**self.more, "ErrorHandler": None,
                "Views": None}
    def register_routes(self, router): ...
Plugin = Site()
"""


def test_what_glooms_shape_configures_in_vain_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "site.py"
    path.write_text(GLOOM)
    report = check(path)
    assert report.ok
    assert [(note.line, note.key) for note in report.notes] == [(5, "init().Prefork"), (7, "init().Views")]
    assert "instances" in report.notes[0].remedy
    assert "body_limit" in report.notes[1].remedy
    folder = tmp_path / "folder"
    (folder / "src" / "site").mkdir(parents=True)
    (folder / "src" / "site" / "__init__.py").write_text(GLOOM)
    (folder / "plugin.yaml").write_text("version: '1'\n")
    assert len(check(folder).notes) == 2
