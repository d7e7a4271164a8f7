"""The pages of the library say what is: their files are written, their commands typed, their output compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
RUNS_A_PROGRAM = re.compile(r"^\$ (?:python|flask) ", re.MULTILINE)
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if RUNS_A_PROGRAM.search(page.read_text())]
"""Pages that show what a program of theirs prints."""
BARE = re.compile(r"^```(?:python|py|toml|yaml)\n", re.MULTILINE)
FETCHING = {"flask-and-numpy"}
"""Pages whose plugins have packages."""


def marks(page: Path) -> list[pytest.MarkDecorator]:
    return [pytest.mark.network, pytest.mark.system_package("curl")] if page.stem in FETCHING else []


@pytest.mark.parametrize("page", [pytest.param(page, id=page.stem, marks=marks(page)) for page in PAGES])
@pytest.mark.timeout(600)
def test_a_reader_who_does_what_a_page_says_sees_what_it_shows(walk, page):
    walk.through(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_such_a_page_shows_of_code_is_a_file(page):
    assert not BARE.findall(page.read_text())


def test_each_tutorial_and_page_of_the_library_is_one_of_them():
    assert {page.stem for page in PAGES} >= {page.stem for page in (DOCS / "tutorials").glob("*.md")}
    assert {page.stem for page in PAGES} >= {"library", "engine", "hooks"}
