"""Modules in Stockpile's form: read from their source, never imported."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import ManifestError
from weft.manifest import check, find_plugins, read_manifest

SEED = """
from github import plugin

raise SystemExit("the host imports nothing")

Metadata = plugin.Metadata(
    Name="My Plugin",
    Version="0.1.0",
    Authors=["Jane Doe"],
    Website="https://www.example.org/my-plugin",
)

def InitializePlugin(ctx):
    ctx.RegisterStorageBackend("mybackend", NewCustomStorageBackend)
"""


@pytest.fixture
def source(tmp_path):
    """``source(text)``: the module ``mine.py``."""

    def write(text, name="mine"):
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        return path

    return write


def notes(manifest):
    return [f"{note.key}: {note.message}" for note in manifest.notes]


def test_the_seeds_example_is_read(source):
    manifest = read_manifest(source(SEED))
    assert (manifest.form, manifest.name, manifest.title) == ("stockpile", "mine", "My Plugin")
    assert (manifest.version, manifest.authors) == ("0.1.0", ("Jane Doe",))
    assert manifest.homepage == "https://www.example.org/my-plugin"
    assert (manifest.entry, manifest.notes) == ("mine:InitializePlugin", ())


def test_a_script_block_wins_over_metadata(source):
    block = '# /// script\n# dependencies = ["six"]\n# [tool.weft]\n# name = "other"\n# version = "2.0.0"\n# ///\n'
    manifest = read_manifest(source(block + SEED))
    assert (manifest.name, manifest.version, manifest.title) == ("other", "2.0.0", "My Plugin")
    assert manifest.requires.packages == ("six",)


@pytest.mark.parametrize("version", ["1", "v1.2", "2.0-SNAPSHOT", "the first"])
def test_a_version_that_is_none_is_kept_with_a_note(source, version):
    manifest = read_manifest(source(f'Metadata = {{"Version": "{version}"}}\ndef InitializePlugin(ctx): ...\n'))
    assert manifest.version == version
    odd = version not in ("1", "v1.2")  # PEP 440 has these
    assert [f"Metadata.Version: {version!r} is no version as semver has them: it is kept as it is"] * odd == notes(
        manifest
    )


def test_what_is_made_by_code_or_unknown_is_a_note(source):
    text = """
def who(): return ["Ada"]
METADATA = dict(Name="x", Authors=who(), Licence="MIT")
async def initialize_plugin(ctx): ...
"""
    assert notes(read_manifest(source(text))) == [
        "Metadata.Licence: is not a known field",
        "Metadata: Authors is made by code: it is known once the plugin runs",
    ]


def test_a_folder_is_searched_for_them_in_the_order_of_names(source, tmp_path):
    for name in ("b", "a"):
        source(SEED, name)
    source("metadata = {}\n", "helper")
    source("Metadata = {}\n", "half")
    source("def app(scope, receive, send): ...\nMetadata = {}\n", "application")
    assert [path.name for path in find_plugins(tmp_path)] == ["a.py", "b.py", "half.py"]


def test_every_problem_is_named_with_its_line(source):
    with pytest.raises(ManifestError) as caught:
        read_manifest(source('Metadata = {"Name": 3, "Website": "", "Version": ""}\nInitializePlugin = 7\n'))
    assert sorted((each.line, each.key) for each in caught.value.problems) == [
        (1, "Metadata.Name"),
        (1, "Metadata.Version"),
        (1, "Metadata.Website"),
        (2, "InitializePlugin"),
    ]


def test_check_says_what_it_is(source):
    report = check(source(SEED))
    assert report.ok
    assert report.manifest is not None


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Name", "VERSION", "authors", "Website", "x", ""]), inner, max_size=4)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory):
    return tmp_path_factory.mktemp("any") / "mine.py"


@given(LITERALS)
def test_any_value_of_metadata_is_read_or_refused(somewhere, value):
    somewhere.write_text(f"def InitializePlugin(ctx): ...\nMetadata = {value!a}\n")
    try:
        manifest = read_manifest(somewhere)
    except ManifestError as error:
        assert error.problems
    else:
        assert (manifest.name, manifest.form) == ("mine", "stockpile")
