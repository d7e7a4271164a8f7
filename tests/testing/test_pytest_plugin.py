"""The pytest plugin, as authors of plugins use it: in a pytest of their own."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
FILES = re.compile(r'^```py title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
NO_PYTEST = "import sys, weft, weft.engine, weft.testing.conformance; sys.exit('pytest' in sys.modules)"
NO_ENGINE = "import sys, weft.testing.plugin; sys.exit('weft.engine' in sys.modules)"


@pytest.fixture
def folder(tmp_path):
    """The files of the documentation's page."""
    for name, text in FILES.findall(PAGE.read_text()):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def pytest_in(folder):
    """``pytest_in(*arguments)``: what pytest says in that folder."""

    def run(*arguments, code=0):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", "-v", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_page_has_tests_without_await_that_pass_in_each_runtime(pytest_in):
    said = pytest_in("test_thumbs.py")
    assert "test_small[inline] PASSED" in said
    assert "test_small[process] PASSED" in said


@pytest.mark.skipif(importlib.util.find_spec("anyio") is None, reason="anyio is not installed")
def test_the_page_has_tests_with_await_that_pass_under_anyio(pytest_in, folder):
    (folder / "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n"
        "def pytest_itemcollected(item): item.add_marker('anyio')\n"
    )
    said = pytest_in("test_thumbs_async.py")
    assert "2 passed" in said


def test_a_runtime_that_does_not_exist_is_named(pytest_in, folder):
    text = (folder / "test_thumbs.py").read_text()
    (folder / "test_thumbs.py").write_text(text.replace('"inline"', '"wasm"'))
    assert "runtime wasm: not in this version" in pytest_in("test_thumbs.py", code=1)


def test_wrong_results_fail_a_test_in_every_runtime(pytest_in, folder):
    plugin = folder / "plugins" / "thumbs.py"
    plugin.write_text(plugin.read_text().replace("return image[:width]", "return str(image)"))
    said = pytest_in("test_thumbs.py", code=1)
    assert said.count("expected bytes, found str") >= 2


@pytest.mark.parametrize("code", [NO_PYTEST, NO_ENGINE])
def test_nothing_is_imported_that_is_not_used(code):
    subprocess.run([sys.executable, "-c", code], check=True)
