"""Configuration: defaults, everything that does not fit at once, no value shown, whatever the host has installed."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.engine.configuration import check_config, effective
from weft.errors import EnvironmentFailed, UsageError
from weft.manifest import Manifest
from weft.packages.environments import Environments
from weft.packages.programs import quiet

SCHEMA = {
    "type": "object",
    "required": ["size"],
    "additionalProperties": False,
    "properties": {
        "size": {"type": "integer", "default": 7},
        "colour": {"enum": ["red", "blue"]},
        "database": {"type": "object", "properties": {"port": {"type": "integer", "default": 5432}, "host": {}}},
        "hosts": {"type": "array", "items": {"type": "string"}},
    },
}


@pytest.fixture
def check(run, tmp_path):
    """``check(config, schema)``"""

    def checked(config, schema=SCHEMA):
        manifest = Manifest(name="shop", config_schema=schema)
        run(check_config(manifest, config, Environments(tmp_path / "environments"), quiet))

    return checked


@pytest.mark.parametrize(
    ("own", "given_", "handed"),
    [
        ({}, {}, {"size": 7}),
        ({"size": 1}, {}, {"size": 1}),
        ({"size": 1, "colour": "red"}, {"size": 2}, {"size": 2, "colour": "red"}),
        ({}, {"database": {}}, {"size": 7, "database": {"port": 5432}}),
        ({}, {"database": {"port": 1, "host": "a"}}, {"size": 7, "database": {"port": 1, "host": "a"}}),
        ({}, {"size": None, "database": 3}, {"size": None, "database": 3}),
    ],
)
def test_what_is_given_wins_over_the_manifest_and_that_over_defaults(own, given_, handed):
    before = {**given_}
    assert effective(Manifest(name="shop", config=own, config_schema=SCHEMA), given_) == handed
    assert given_ == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["properties", "default", "a", "b"]), inner)
    ),
    max_leaves=12,
)


@given(JSON.filter(lambda value: isinstance(value, dict)), st.dictionaries(st.sampled_from("ab"), JSON))
def test_whatever_the_schema_says_nothing_that_is_given_is_lost(schema, values):
    handed = effective(Manifest(name="shop", config_schema=schema), values)
    for key, value in values.items():
        assert handed[key] == value or (isinstance(value, dict) and value.items() <= handed[key].items())
    assert effective(Manifest(name="shop", config_schema=schema), handed) == handed


def test_what_fits_passes(check):
    check({"size": 3, "colour": "red", "hosts": ["a"]})
    check({"anything": [1, {"goes": None}]}, None)


def test_all_problems_are_told_at_once_with_their_paths_and_no_value(check):
    with pytest.raises(UsageError) as caught:
        check({"colour": "hush", "database": {"port": "hush"}, "hosts": ["a", 77], "unknown": "hush"})
    text = str(caught.value)
    assert text.startswith("shop: config does not fit config_schema:")
    for part in ("'size' is required", "colour:", "database.port:", "hosts.1:", "additionalProperties"):
        assert part in text
    assert "hush" not in text
    assert "77" not in text


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"size": object()}, "cannot be handed"),
        ({"size": 2**64}, "cannot be handed"),
        ({"size": "x" * 2**20}, "at most"),
    ],
)
def test_what_no_plugin_can_be_handed(check, config, words):
    for schema in (SCHEMA, None):
        with pytest.raises(UsageError, match=f"shop: config.*{words}"):
            check(config, schema)


def test_bytes_pass_unless_a_schema_is_to_describe_them(check):
    check({"size": b"\x00"}, None)
    with pytest.raises(UsageError, match="config_schema cannot describe"):
        check({"size": b"\x00"})


@pytest.mark.parametrize("schema", [{"type": "no type"}, {"$ref": "https://example.org/x.json"}])
def test_a_schema_that_is_none(check, schema):
    with pytest.raises(UsageError, match="config_schema is no JSON Schema that can be used"):
        check({}, schema)


@pytest.mark.network
def test_without_the_validator_an_environment_of_its_own_has_it(check, monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    check({"size": 3})
    with pytest.raises(UsageError, match="'size' is required"):
        check({})


def test_without_the_validator_and_an_index_the_remedy_is_told(check, monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    with pytest.raises(
        EnvironmentFailed, match="plugin shop: its config_schema cannot be checked without jsonschema-rs"
    ):
        check({"size": 3})
