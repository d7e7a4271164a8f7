"""szlabs go-plugin's ``plugin.json``: its own example, every check, and every way in which a file can be wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.errors import ManifestError, Problem
from weft.manifest import Manifest, check, read_manifest
from weft.manifest.json import parse_json
from weft.manifest.model import Git, Route

LEAST = {"name": "sample", "version": "0.1.0", "source": {"mode": "local_so", "path": "sample.so"}}


def plugin(tmp_path: Path, content: object = LEAST, artifact: str = "sample.py") -> Path:
    folder = tmp_path / "sample"
    (folder / artifact).parent.mkdir(parents=True, exist_ok=True)
    (folder / artifact).write_text("def Execute(ctx): ...\n")
    (folder / "plugin.json").write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return folder


def read(tmp_path: Path, content: object = LEAST, artifact: str = "sample.py") -> Manifest:
    return read_manifest(plugin(tmp_path, content, artifact))


def problems(tmp_path: Path, content: object) -> list[Problem]:
    with pytest.raises(ManifestError) as refused:
        read(tmp_path, content)
    return list(refused.value.problems)


def problem(tmp_path: Path, content: object) -> Problem:
    (found,) = problems(tmp_path, content)
    return found


def test_its_own_example_is_read_as_it_stands(tmp_path, go_plugins_example):
    manifest = read(tmp_path, go_plugins_example)
    assert (manifest.name, manifest.version, manifest.form) == ("go-plugin", "0.1.0", "plugin.json")
    assert manifest.description == "A go plugin management tool"
    assert manifest.authors == ("loneghost1982@gmail.com",)
    assert manifest.homepage == "https://github.com/szlabs/go-plugin.git"
    assert manifest.entry == "sample:Execute"
    assert list(map(str, manifest.provides)) == ["task@1", "web@1"]
    assert manifest.http_services is not None
    assert manifest.http_services.driver == "beego"
    assert manifest.http_services.routes == (
        Route(route="/api/plugin/sample/:id", method="GET", label="plugin.get"),
        Route(route="/api/plugin/samples", method="POST", label="plugin.post"),
    )
    (note,) = manifest.notes
    assert (note.line, note.key) == (9, "source.path")
    assert note.message == "there is no sample.so: sample.py is taken"


def test_http_services_may_be_left_out(tmp_path):
    manifest = read(tmp_path)
    assert (manifest.http_services, list(map(str, manifest.provides))) == (None, ["task@1"])


@pytest.mark.parametrize(
    ("path", "artifact", "entry", "note"),
    [
        ("sample.so", "sample.so", "sample:Execute", ""),
        ("sample.so", "sample.cpython-311-x86_64-linux-gnu.so", "sample:Execute", "cpython-311"),
        ("sample.so", "sample/__init__.py", "sample:Execute", "sample is taken"),
        ("sample.py", "sample.py", "sample:Execute", ""),
        ("sample", "sample/__init__.py", "sample:Execute", ""),
        ("./lib/sample.so", "lib/sample.py", "lib.sample:Execute", "lib/sample.py is taken"),
        ("src/sample.so", "src/sample.py", "sample:Execute", "src/sample.py is taken"),
    ],
)
def test_the_artifact_is_what_the_path_says_or_what_stands_in_for_it(tmp_path, path, artifact, entry, note):
    manifest = read(tmp_path, {**LEAST, "source": {"mode": "local_so", "path": path}}, artifact)
    assert manifest.entry == entry
    assert note in "".join(each.message for each in manifest.notes)
    assert bool(note) == bool(manifest.notes)


def test_keys_are_known_whatever_their_case_and_unknown_ones_are_notes(tmp_path):
    text = '{\n"NAME": "sample",\n"Version": "0.1.0",\n"colour": 1,\n'
    text += '"Source": {"MODE": "local_so", "Path": "sample.py", "x": 2}}'
    manifest = read(tmp_path, text)
    assert (manifest.name, manifest.version) == ("sample", "0.1.0")
    assert [(note.line, note.key) for note in manifest.notes] == [(4, "colour"), (5, "Source.x")]
    assert problem(tmp_path, text.replace("0.1.0", "1")).key == "Version"


def test_null_and_empty_text_are_as_if_they_were_not_there(tmp_path):
    manifest = read(tmp_path, {**LEAST, "home": "", "maintainers": None, "http_services": None})
    assert (manifest.homepage, manifest.authors, manifest.http_services) == ("", (), None)
    assert problem(tmp_path, {**LEAST, "name": ""}).message == "is missing"


@pytest.mark.parametrize("version", ["1", "v1.2", "1.2", "01.2.3", "1.0.0-", "1.0.0rc1", "", 1, None])
def test_a_version_is_semver_2(tmp_path, version):
    assert problem(tmp_path, {**LEAST, "version": version}).key == "version"


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ("1", "write 1.0.0"),
        ("v1.2", "write 1.2.0"),
        ("01.2.3", "write 1.2.3"),
        ("1.2-rc.1+build", "write 1.2.0-rc.1+build"),
        ("1.0.0-", "write it as in 1.0.0 or 2.1.0-beta.1"),
        ("one", "write it as in 1.0.0 or 2.1.0-beta.1"),
    ],
)
def test_a_version_that_go_plugin_took_is_told_in_full(tmp_path, version, remedy):
    found = problem(tmp_path, {**LEAST, "version": version})
    assert (found.message, found.remedy) == (f"'{version}' is not a version by semver 2", remedy)


def test_every_missing_field_is_named_at_once(tmp_path):
    found = problems(tmp_path, {"source": {}, "http_services": {"routes": [{}]}})
    assert sorted(each.key for each in found) == [
        "http_services.driver",
        "http_services.routes[0].label",
        "http_services.routes[0].method",
        "http_services.routes[0].route",
        "name",
        "source.mode",
        "source.path",
        "version",
    ]
    assert all(each.message == "is missing" and each.remedy for each in found)
    assert problem(tmp_path, {"name": "sample", "version": "0.1.0"}).key == "source"


def route(**changes: object) -> dict[str, object]:
    one = {"route": "/a/:id", "method": "GET", "label": "a", **changes}
    return {**LEAST, "http_services": {"driver": "asgi", "routes": [one]}}


def remote(path: str, **more: str) -> dict[str, object]:
    return {**LEAST, "source": {"mode": "remote_git", "path": path, **more}}


@pytest.mark.parametrize(
    ("content", "key", "message"),
    [
        ({**LEAST, "name": "a b"}, "name", "not a plugin's name"),
        ({**LEAST, "maintainers": 3}, "maintainers", "expected a list"),
        ({**LEAST, "source": []}, "source", "expected a table"),
        ({**LEAST, "source": {"mode": "docker", "path": "x"}}, "source.mode", "'docker' is not known"),
        ({**LEAST, "source": {"mode": "local_so", "path": "../x.so"}}, "source.path", "leads out"),
        ({**LEAST, "source": {"mode": "local_so", "path": "/x.so"}}, "source.path", "leads out"),
        ({**LEAST, "source": {"mode": "local_so", "path": "other.so"}}, "source.path", "no other.so, no other.py"),
        (remote("ext::sh -c x"), "source.path", "is no repository"),
        (remote("http://x/y"), "source.path", "is no repository"),
        (remote("https://x/y", ref="-u"), "source.ref", "no branch"),
        (remote("https://x/y", commit="1"), "source.commit", "no commit"),
        (route(route="a"), "http_services.routes[0].route", "is not a route"),
        (route(route="/a/:id/:id"), "http_services.routes[0].route", "parameter :id"),
        (route(route="/a/:label"), "http_services.routes[0].route", "parameter :label"),
        (route(method="FETCH"), "http_services.routes[0].method", "'FETCH' is not known"),
        ({**LEAST, "http_services": {"driver": "asgi", "routes": []}}, "http_services.routes", "is empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_where_it_stands(tmp_path, content, key, message):
    found = problem(tmp_path, content)
    assert found.key == key
    assert message in found.message
    assert found.line is not None


def test_an_endpoint_that_is_there_twice_is_refused(tmp_path):
    one = {"route": "/a/:id", "method": "GET", "label": "a"}
    other = {**one, "route": "/a/:name", "method": "get"}
    found = problem(tmp_path, {**LEAST, "http_services": {"driver": "asgi", "routes": [one, other]}})
    assert (found.key, found.message) == ("http_services.routes[1]", "is there twice")


def test_a_link_out_of_the_folder_is_no_artifact(tmp_path):
    (tmp_path / "outside.py").write_text("")
    folder = plugin(tmp_path)
    (folder / "sample.so").symlink_to(tmp_path / "outside.py")
    with pytest.raises(ManifestError, match="leads out of the plugin's folder"):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('{\n// mine\n"name": "x"}', 2, "has a comment, which JSON does not know"),
        ('{"name": "x", /* mine */ "version": 1}', 1, "has a comment"),
        ('{"name": "x",\n"name": "y"}', 2, "'name' is there twice"),
        ('{"name": "x",\n"NAME": "y"}', 2, "'NAME' is there twice"),
        ('{"source": {"mode": "x",\n"mode": "y"}}', 2, "'mode' is there twice"),
        ('{"name": "x"', 1, "is not valid JSON"),
        ('{"name": NaN}', None, "NaN is no number"),
        ("[1]", 1, "expected an object"),
        ("", 1, "is not valid JSON"),
        ("[" * 100_000, None, "16384 characters"),
        ("[\n" * 40 + "]\n" * 40, 33, "more than 32 levels"),
        ('{"name": "\\ud800"}', None, "control characters"),
    ],
)
def test_a_file_that_is_no_json_of_this_form(tmp_path, text, line, message):
    found = problems(tmp_path, text)
    assert any(message in each.message and (line is None or each.line == line) for each in found)


def test_requirements_beside_it_are_the_plugins(tmp_path):
    folder = plugin(tmp_path)
    (folder / "requirements.txt").write_text("# what it needs\nhttpx>=0.27  # for calls\n\nrich\n")
    assert read_manifest(folder).requires.packages == ("httpx>=0.27", "rich")
    (folder / "requirements.txt").write_text("rich\n-r more.txt\n")
    with pytest.raises(ManifestError, match=r"requirements\.txt:2: '-r more\.txt' is not a requirement"):
        read_manifest(folder)
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "x"\ndependencies = ["idna"]\nrequires-python = ">=3.9"\n'
    )
    requires = read_manifest(folder).requires
    assert (requires.packages, requires.python) == (("idna",), ">=3.9")


@pytest.mark.parametrize(
    ("source", "git"),
    [
        ({"path": "https://example.org/a.git"}, Git(url="https://example.org/a.git")),
        ({"path": "ssh://git@example.org/a.git#v1"}, Git(url="ssh://git@example.org/a.git", ref="v1")),
        ({"path": "git@example.org:a/b.git", "ref": "main"}, Git(url="git@example.org:a/b.git", ref="main")),
        ({"path": "file:///srv/a", "commit": "a" * 40}, Git(url="file:///srv/a", commit="a" * 40)),
    ],
)
def test_a_repository_is_read_and_not_yet_fetched(tmp_path, source, git):
    folder = plugin(tmp_path, {**LEAST, "source": {"mode": "remote_git", **source}})
    assert (read_manifest(folder).git, read_manifest(folder).entry) == (git, None)
    assert check(folder).ok


def test_check_knows_compiled_modules(tmp_path):
    assert check(plugin(tmp_path, artifact="sample.so.py").parent / "sample").problems
    folder = plugin(tmp_path, artifact="sample.abi3.so")
    report = check(folder)
    assert report.ok


WORDS = ["local_so", "sample.py", "/a/:b"]
NAMES = ["name", "Version", "source", "mode", "path", "http_services", "routes", "x"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=20,
)  # fmt: skip


@given(VALUES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_document_is_read_or_refused_by_name(tmp_path, content):
    try:
        read(tmp_path, json.dumps(content))
    except ManifestError as error:
        assert error.problems


@given(VALUES, st.sampled_from([None, 2]))
def test_the_values_are_those_of_json_and_every_line_is_right(content, indent):
    text = json.dumps(content, indent=indent)
    try:
        value, lines = parse_json(text, Path("plugin.json"))
    except ManifestError as error:
        assert all(re.search("twice", each.message) for each in error.problems)
        return
    assert value == content
    rows = text.split("\n")
    for key, line in lines.items():
        assert not key or isinstance(key[-1], int) or json.dumps(key[-1]) in rows[line - 1]
