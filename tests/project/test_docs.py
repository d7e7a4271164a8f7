"""The documentation says what is: generated pages are fresh, nothing is undocumented, and its examples run."""

from __future__ import annotations

import importlib
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from weft.manifest import read_manifest
from weft.manifest.keys import LIMITS, PERMISSIONS
from weft.server.configuration import read_settings
from weft.server.front.failures import REASONS
from weft.server.management.metrics import Sample, SampleCollector
from weft.server.policy import read_grant

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
ASKED = re.compile(
    r'^```python title="([^"]+)"\n(.*?)^```\n+<!-- asked "([^"]+)" answers "([^"]+)" -->', re.MULTILINE | re.DOTALL
)
COMMAND = re.compile(r"^\$ (?:\S*/)?weft (\w+)(.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """tools/reference.py, which writes the generated pages."""
    return importlib.import_module("reference")


@pytest.mark.parametrize(
    "name",
    [
        "reference/settings.md",
        "reference/commands.md",
        "reference/lifecycle.md",
        "reference/runtimes.md",
        "benchmarks.md",
    ],
)
def test_a_generated_page_is_fresh(reference: ModuleType, name: str) -> None:
    assert set(reference.PAGES) >= {name}
    assert (ROOT / "docs" / name).read_text() == reference.PAGES[name](), "make reference"


def test_every_setting_says_what_it_means(reference: ModuleType) -> None:
    for _, cls in reference.SECTIONS:
        missing = [name for name, text in reference.described(cls).items() if not text]
        assert not missing, f"{cls.__name__}: {missing}"


def test_every_command_and_option_says_what_it_does(reference: ModuleType) -> None:
    for name, command in reference.every_command():
        assert command.help, name
        bare = [p.name for p in command.params if p.param_type_name == "option" and not p.help]
        assert not bare, f"{name}: {bare}"


def test_every_command_that_the_pages_name_exists(reference: ModuleType) -> None:
    known = {name.split()[1] for name, _ in reference.every_command()}
    used = {match[1] for page in PAGES for match in COMMAND.finditer(page.read_text())}
    assert used
    assert used <= known


def test_every_option_that_the_pages_use_exists(reference: ModuleType) -> None:
    options = {
        name.split()[1]: {o for p in command.params for o in p.opts} for name, command in reference.every_command()
    }
    for page in PAGES:
        for match in COMMAND.finditer(page.read_text()):
            used = set(re.findall(r"(?<!\S)--[\w-]+", match[2]))
            assert used <= options[match[1]], f"{page.name}: {match[0]}"


def test_every_metric_and_every_reason_of_an_error_is_explained() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    known = {metric.name for metric in SampleCollector(Sample(connections=0, plugins=())).collect()}
    told = set(re.findall(r"^\| `(weft_\w+?)(?:_total)?` \|", page, re.MULTILINE))
    assert told == known
    reasons = re.search(r"^\| reason \|.*?\n\n", page, re.MULTILINE | re.DOTALL)
    assert reasons is not None
    assert set(re.findall(r"^\| `(\w+)`", reasons[0], re.MULTILINE)) == {"answered", *REASONS}


def test_relative_links_lead_somewhere() -> None:
    for page in [*PAGES, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_tests_that_a_page_names_exist() -> None:
    for page in [ROOT / "docs" / "from-stockpile.md"]:
        shown = "".join(re.findall(r"[^|]*\|$", page.read_text(), re.MULTILINE))  # the last column of its tables
        named = re.findall(r"`(\w+/[\w/]*\.py)`(?:: ([\w ,]+?))?(?= \||, `)", shown)
        assert named, page.name
        for path, words in named:
            test = "def test_" + re.sub(r"\W+", "_", words)
            assert test.lower() in (ROOT / "tests" / path).read_text().lower(), f"{page.name}: {path}: {words}"


def test_every_page_has_its_place_in_the_navigation() -> None:
    _, _, navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert sorted(re.findall(r"[\w/-]+\.md", navigation)) == sorted(pages)


def manifests() -> list[Any]:
    found = [(page.name, match) for page in PAGES for match in FENCE.finditer(page.read_text())]
    return [
        pytest.param(m[2], m[3], id=f"{page}-{m[2]}") for page, m in found if m[2] in {"pyproject.toml", "plugin.yaml"}
    ]


@pytest.mark.parametrize(("name", "text"), manifests())
def test_a_manifest_of_the_pages_is_valid(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "shop.py").write_text("def app(environ, start_response): ...\n")
    manifest = read_manifest(tmp_path)
    assert (manifest.name, manifest.version, manifest.entry) == ("shop", "1.2.0", "shop:app")


def test_every_permission_and_limit_is_described() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "permissions.md").read_text(), re.MULTILINE)
    assert rows == [*PERMISSIONS, *LIMITS]


def test_every_grant_of_the_pages_is_one() -> None:
    found = []
    for page in PAGES:
        commands = [match[1] + match[2] for match in COMMAND.finditer(page.read_text())]
        found += [each for one in commands for each in re.findall(r"--allow (\S+)", one)]
        found += [each for one in commands if one.startswith(("grant", "revoke")) for each in one.split()[2:]]
    assert found
    assert [read_grant(each) for each in found] == found


def test_settings_of_the_pages_are_valid(tmp_path: Path) -> None:
    found = [match[3] for page in PAGES for match in FENCE.finditer(page.read_text()) if match[2] == "weft.toml"]
    assert found
    for text in found:
        (tmp_path / "weft.toml").write_text(text)
        read_settings(tmp_path / "weft.toml", {"HOME": str(tmp_path)}, {})


def examples() -> list[Any]:
    found = [(page.stem, match.groups()) for page in PAGES for match in ASKED.finditer(page.read_text())]
    return [pytest.param(*groups, id=f"{page}-{groups[0]}") for page, groups in found]


@pytest.mark.parametrize(("name", "code", "path", "answer"), examples())
def test_a_plugin_of_the_pages_answers(
    tmp_path: Path, weft_server: Callable[..., Any], name: str, code: str, path: str, answer: str
) -> None:
    source = tmp_path / name
    source.write_text(code)
    server = weft_server(source)
    request = urllib.request.Request(server.url + path, headers={"Host": f"{source.stem}.localhost"})
    with urllib.request.urlopen(request, timeout=20) as response:
        assert response.read().decode().strip() == answer


def test_every_python_example_of_a_page_is_run() -> None:
    """It is asked as a web plugin, typed (see tests/tutorials), or a part of what is typed on another page."""
    texts = [page.read_text() for page in (ROOT / "docs").rglob("*.md")]
    typed = "".join(text for text in texts if re.search(r"^\$ (?:python|flask) ", text, re.MULTILINE))
    for page in PAGES:
        text = page.read_text()
        own = [match[2] for match in FENCE.finditer(text) if match[1] == "python" and match[3] not in typed]
        assert own == [match[1] for match in ASKED.finditer(text)], page.name
