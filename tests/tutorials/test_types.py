"""What a type checker says of hosts, where Weft is found as an installed package that has types."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HOST = Path(__file__).with_name("typed_host.py")
HOSTS = {
    "library": ["host.py", "contracts.py", "films.py", "errors.py"],
    "engine": ["shop.py", "replace.py", "follow.py", "needs.py", "configured.py"],
    "hooks": ["page.py", "host.py", "ordered.py", "failing.py", "wrapped.py"],
    "tutorials/command-line-tool": ["wordtool.py"],
    "tutorials/from-pluggy": ["after/till.py"],
    "tutorials/from-stevedore": ["table.py", "after.py", "hooks_after.py", "tolerant.py", "both.py"],
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """What mypy keeps from one test to the next."""
    return tmp_path_factory.mktemp("mypy")


@pytest.fixture
def check(tmp_path, cache):
    """``check(*files)``: what mypy has against them, '' for nothing. Weft's own settings are not in force."""

    def run(*files):
        options = ["--strict", "--config-file=", "--no-error-summary", "--cache-dir", cache]
        command = [sys.executable, "-m", "mypy", *options, *files]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
        return done.stdout + done.stderr

    return run


def test_a_plugin_is_what_its_contract_says_and_a_wrong_argument_an_error(check):
    assert check(HOST) == ""


def test_what_is_said_to_be_an_error_is_one(check, tmp_path):
    (tmp_path / "host.py").write_text(HOST.read_text().replace("  # type: ignore", "  #"))
    found = [line.rpartition("  ")[2] for line in check("host.py").splitlines()]
    assert found == ["[arg-type]", "[call-arg]", "[attr-defined]", "[arg-type]"]


@pytest.mark.parametrize("page", HOSTS)
def test_the_hosts_of_the_pages_are_well_typed(check, walk, tmp_path, page):
    walk.files(Path(__file__).parents[2] / "docs" / f"{page}.md")
    assert check(*HOSTS[page]) == ""
