"""What the page for go-plugin's users shows is what happens: its host, its manifests, the tests that it names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from weft.manifest import read_manifest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/from-szlabs.md").read_text()
FILES = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', TEXT, re.MULTILINE | re.DOTALL))


def test_the_host_prints_what_the_page_says(tmp_path):
    for name in ("plugins/sample/plugin.json", "plugins/sample/sample.py", "host.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(FILES[name])
    command = [sys.executable, "host.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (FILES["what it prints"], "")


def test_its_repository_is_one(tmp_path):
    (tmp_path / "plugin.json").write_text(FILES["plugin.json"])
    git = read_manifest(tmp_path).git
    assert git is not None
    assert (git.url, git.ref) == ("https://git.example.org/sample.git", "v1")


def test_the_tests_that_it_names_are_there():
    rows = [row for row in TEXT.partition("## Each feature")[2].splitlines()[4:] if "not in this version" not in row]
    assert [row for row in rows if "`tests/" not in row.split("|")[3]] == []
    for file, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT):
        assert (ROOT / file).is_file()
        assert not test or f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"
