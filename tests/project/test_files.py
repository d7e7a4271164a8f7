"""Things that hold for every file of the project."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USUAL = {"/", "/usr", "/usr/local"}
OURS = {str(ROOT), f"{Path.home()}/", sys.base_prefix} - USUAL
MACHINE = re.compile("|".join(map(re.escape, OURS)))
INDEX = re.compile(r"://(?!127\.|localhost|[^\s\"']*\bexample\b)[^\s\"']+/simple\b|--trusted-host[= ]\w")


def tracked(*patterns: str) -> list[Path]:
    """The project's own text files that git knows; skipped where this is no clone."""
    done = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", *patterns], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git clone")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def hits(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    """Where the pattern occurs, this file apart."""
    found = []
    for file in files:
        if file == Path(__file__) or b"\0" in file.read_bytes():
            continue
        lines = file.read_text(errors="replace").splitlines()
        found += [f"{file.relative_to(ROOT)}:{n}: {line}" for n, line in enumerate(lines, 1) if pattern.search(line)]
    return found


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    assert not hits(MACHINE, tracked("*.py", "*.toml", "*.md", "*.txt", "*.json", "Makefile", "tools/*", ".ci/*"))


def test_no_file_names_a_package_index() -> None:
    assert not hits(INDEX, tracked("*.py", "*.toml", "*.md", "*.txt", "*.json", "Makefile", "tools/*", ".ci/*"))


def test_no_package_is_named_for_what_it_might_contain() -> None:
    vague = {"utils", "util", "helpers", "common", "misc"}
    packages = {path.parent.name for path in (ROOT / "src/weft").rglob("__init__.py")}
    assert not vague & packages


def test_every_ignored_rule_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    section = text.split("[tool.ruff.lint]")[1].split("[tool.ruff.lint.isort]")[0]
    codes = [line for line in section.splitlines() if re.match(r'\s*("[A-Z]+\d*",|"[^"]+" = \[.*\]$)', line)]
    bare = [line for line in codes if "#" not in line]
    assert not bare
