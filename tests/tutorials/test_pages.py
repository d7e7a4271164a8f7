"""The pages of the library say what is: their files are written, their commands typed, their output compared."""

from __future__ import annotations

from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
FETCHING = {"flask-and-numpy"}
"""Pages whose plugins have packages."""
PAGES = sorted((DOCS / "tutorials").glob("*.md"))


def marks(page: Path) -> list[pytest.MarkDecorator]:
    return [pytest.mark.network, pytest.mark.system_package("curl")] if page.stem in FETCHING else []


@pytest.mark.parametrize("page", [pytest.param(page, id=page.stem, marks=marks(page)) for page in PAGES])
@pytest.mark.timeout(400)
def test_a_reader_who_does_what_a_page_says_sees_what_it_shows(walk, page):
    walk.through(page)
