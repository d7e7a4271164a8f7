"""Manifests in every form: what is read, what is refused, and where each problem stands."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.errors import ManifestError, NotInThisVersion, Problem
from weft.manifest import (
    Limits,
    Manifest,
    Order,
    Permissions,
    Provided,
    check,
    find_plugins,
    is_plugin,
    read_manifest,
    stored_source,
)
from weft.manifest.keys import KEYS


def write(folder: Path, **files: str) -> Path:
    """A folder with these files; ``__`` stands for the dot in a name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name.replace("__", ".").replace("_in_", "/")
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
    return folder


def problems(source: Path) -> list[Problem]:
    with pytest.raises(ManifestError) as refused:
        read_manifest(source)
    return list(refused.value.problems)


EVERYTHING = """\
    name: shop
    version: 1.2.0-beta.1
    title: The shop
    description: Sells things
    authors: [Ada Writer, {name: Bob, email: bob@example.org}]
    homepage: https://example.org
    license: MIT
    tags: [web, trade]
    icon: icon.svg
    entry: shop.web:app
    runtime: process
    provides: [web, storage@2]
    requires:
      python: ">=3.10"
      packages: [flask>=2, "weft[sdk]>=0.1", httpx]
      plugins: {store: ">=1,<2", cache: "*"}
      weft: "<2"
    permissions:
      read: [/srv/data]
      write: /srv//out/./photos/
      network: outbound
      ports: [443, 5432]
      env: [LANG, API_URL]
      exec: [ffmpeg, bin/convert, /usr/bin/git]
      plugins: [store]
      manage: true
    limits:
      {memory: 1GiB, cpu: 1.5, processes: 8, threads: 4, open_files: 256, disk: 2GiB,
       startup: 1m, call: 500ms, drain: 0}
    instances: 2
    rollback: auto
    domains: [Shop.localhost, shop.example.org, shop.localhost]
    order: {priority: -5, before: [a], after: [b, c]}
    config: {currency: EUR, rates: [1, 2.5, null, true], deep: {er: x}}
    config_schema: {type: object}
    """


def test_every_key_is_read(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path / "p", plugin__yaml=EVERYTHING))
    assert (manifest.name, manifest.version, manifest.title) == ("shop", "1.2.0-beta.1", "The shop")
    assert manifest.authors == ("Ada Writer", "Bob <bob@example.org>")
    assert (manifest.homepage, manifest.license, manifest.icon) == ("https://example.org", "MIT", "icon.svg")
    assert manifest.tags == ("web", "trade")
    assert (manifest.entry, manifest.runtime, manifest.form) == ("shop.web:app", "process", "plugin.yaml")
    assert manifest.provides == (Provided("web"), Provided("storage", 2))
    assert manifest.requires.python == ">=3.10"
    assert manifest.requires.plugins == {"store": ">=1,<2", "cache": ""}
    assert manifest.permissions == Permissions(
        read=("/srv/data",),
        write=("/srv/out/photos",),
        network="outbound",
        ports=(443, 5432),
        env=("LANG", "API_URL"),
        exec=("ffmpeg", "bin/convert", "/usr/bin/git"),
        plugins=("store",),
        manage=True,
    )
    assert manifest.limits == Limits(
        memory=2**30, cpu=1.5, processes=8, threads=4, open_files=256, disk=2**31, startup=60, call=0.5, drain=0
    )
    assert (manifest.instances, manifest.rollback) == (2, "auto")
    assert manifest.domains == ("shop.localhost", "shop.example.org")
    assert manifest.order == Order(priority=-5, before=("a",), after=("b", "c"))
    assert manifest.config == {"currency": "EUR", "rates": [1, 2.5, None, True], "deep": {"er": "x"}}
    assert manifest.config_schema == {"type": "object"}


def test_weft_is_never_a_package_to_install(tmp_path: Path) -> None:
    requires = read_manifest(write(tmp_path / "p", plugin__yaml=EVERYTHING)).requires
    assert requires.packages == ("flask>=2", "httpx")
    assert requires.weft == "<2,>=0.1"


def test_given_lists_what_the_manifest_sets(tmp_path: Path) -> None:
    text = "version: '1'\nlimits: {memory: 1GiB}\npermissions: {network: none}\nconfig: {a: 1}\n"
    manifest = read_manifest(write(tmp_path / "p", plugin__yaml=text))
    assert manifest.given == {"version", "limits.memory", "permissions.network", "config"}


def test_defaults(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path / "My-Plugin", plugin__yaml="version: '1'"))
    assert manifest == Manifest(
        name="My-Plugin",
        version="1",
        domains=("my-plugin.localhost",),
        form="plugin.yaml",
        given=frozenset({"version"}),
    )


def test_a_name_from_outside_wins(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path / "p", plugin__yaml="name: a\nversion: '1'"), name="other")
    assert (manifest.name, manifest.domains) == ("other", ("other.localhost",))
    with pytest.raises(ManifestError, match="plugin's name"):
        read_manifest(tmp_path / "p", name="../other")


def test_with_an_id_the_name_is_the_title(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path / "p", plugin__yaml="id: shop\nname: 'The Shop!'\nversion: '1'"))
    assert (manifest.name, manifest.title) == ("shop", "The Shop!")


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_key_refuses_what_it_cannot_be(tmp_path: Path, key: str) -> None:
    found = problems(
        write(
            tmp_path / "p",
            plugin__yaml=f"version: '1'\n{key}: !!float 1.5\n".replace(
                "version: '1'\n", "" if key == "version" else "version: '1'\n"
            ),
        )
    )
    assert [problem.key for problem in found] == [key]
    assert all(problem.line for problem in found)


@pytest.mark.parametrize("runtime", ["inline", "process", "executable", "wasm"])
def test_every_runtime_is_read(tmp_path: Path, runtime: str) -> None:
    manifest = read_manifest(write(tmp_path / "p", plugin__yaml=f"version: '1'\nruntime: {runtime}\nentry: main"))
    assert manifest.runtime == runtime


@pytest.mark.parametrize("entry", ["/bin/sh", "../x", "a/../../x", "a\\b", "./x"])
def test_an_executable_is_one_of_the_plugins_files(tmp_path: Path, entry: str) -> None:
    text = f"version: '1'\nruntime: executable\nentry: '{entry}'"
    assert [problem.key for problem in problems(write(tmp_path / "p", plugin__yaml=text))] == ["entry"]


@pytest.mark.parametrize("entry", ["a b", "a:b:c", "/x/y", "a..b", "a:", ":a", "a:b()", "a;b"])
def test_an_entry_is_a_module_and_an_attribute(tmp_path: Path, entry: str) -> None:
    assert [p.key for p in problems(write(tmp_path / "p", plugin__yaml=f"version: '1'\nentry: '{entry}'"))] == ["entry"]


def test_an_executable_needs_an_entry(tmp_path: Path) -> None:
    (problem,) = problems(write(tmp_path / "p", plugin__yaml="version: '1'\nruntime: executable"))
    assert problem.key == "entry"
    assert "bin/plugin" in problem.remedy


def permissions(folder: Path, *lines: str) -> Path:
    text = "".join(f"  {line}\n" for line in lines)
    return write(folder, plugin__yaml=f"version: '1'\npermissions:\n{text}")


@pytest.mark.parametrize("key", ["read", "write"])
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("data", "is not an absolute path"),
        ("./data", "is not an absolute path"),
        ("~/photos", "write the whole path"),
        ("/srv/../etc", "write where it leads"),
        ("/srv/..", "write where it leads"),
        ("''", "is empty"),
        ('"/srv\\0"', "control characters"),
    ],
)
def test_a_path_that_means_nothing_outside_the_plugin_is_refused(
    tmp_path: Path, key: str, path: str, words: str
) -> None:
    (problem,) = problems(permissions(tmp_path / "p", "network: none", f"{key}: [/srv/ok, {path}]"))
    assert (problem.line, problem.key) == (4, f"permissions.{key}[1]")
    assert words in str(problem)
    assert problem.remedy


@pytest.mark.parametrize("program", ["../git", "a/../git", "./git", "~/git", "/usr/../git", "bin/"])
def test_a_program_is_a_name_a_whole_path_or_a_file_of_the_plugins(tmp_path: Path, program: str) -> None:
    (problem,) = problems(permissions(tmp_path / "p", f"exec: [{program}]"))
    assert (problem.line, problem.key) == (3, "permissions.exec[0]")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "https", "true", "'443'"])
def test_a_port_is_a_number_that_tcp_has(tmp_path: Path, port: str) -> None:
    (problem,) = problems(permissions(tmp_path / "p", f"ports: [80, {port}]"))
    assert (problem.line, problem.key) == (3, "permissions.ports[1]")


@pytest.mark.parametrize("network", ["none", "loopback"])
def test_ports_without_a_network_to_narrow_are_refused(tmp_path: Path, network: str) -> None:
    (problem,) = problems(permissions(tmp_path / "p", f"network: {network}", "ports: [443]"))
    assert (problem.line, problem.key) == (4, "permissions.ports")
    assert f"network is {network}" in problem.message


# --- all problems at once -----------------------------------------------------------------------------------------


def test_all_problems_of_a_yaml_file_at_once(tmp_path: Path) -> None:
    text = """\
    name: my shop
    provids: [web]
    limits:
      memory: lots
      cpus: 2
    domains:
      - ok.localhost
      - http://no
    """
    found = problems(write(tmp_path / "p", plugin__yaml=text))
    assert [(p.line, p.key) for p in found] == [
        (None, "version"), (1, "name"), (2, "provids"), (4, "limits.memory"), (5, "limits.cpus"), (8, "domains[1]"),
    ]  # fmt: skip
    assert all(p.path == str(tmp_path / "p" / "plugin.yaml") and p.remedy for p in found)
    assert found[2].remedy == "did you mean 'provides'?"
    assert found[4].remedy == "did you mean 'cpu'?"


def test_all_problems_of_a_pyproject_at_once(tmp_path: Path) -> None:
    text = """\
    [project]
    name = "my.shop"
    version = "one"
    dependencies = [
      "flask",
      "--bad",
    ]

    [tool.weft]
    provids = ["web"]

    [tool.weft.limits]
    memory = "lots"
    """
    found = problems(write(tmp_path / "p", pyproject__toml=text))
    assert [(p.line, p.key) for p in found] == [
        (2, "project.name"),
        (3, "project.version"),
        (6, "project.dependencies[1]"),
        (10, "provids"),
        (13, "limits.memory"),
    ]


def test_all_problems_of_a_single_file_at_once(tmp_path: Path) -> None:
    text = """\
    import os
    # /// script
    # dependancies = ["flask"]
    # requires-python = "three"
    #
    # [tool.weft]
    # instances = 0
    # ///
    """
    found = problems(write(tmp_path, x__py=text) / "x.py")
    assert [(p.line, p.key) for p in found] == [(3, "dependancies"), (4, "requires-python"), (7, "instances")]
    assert "'dependencies'" in found[0].remedy


# --- pyproject.toml -----------------------------------------------------------------------------------------------

PROJECT = """\
    [project]
    name = "shop"
    version = "1.2"
    description = "Sells"
    authors = [{name = "Ada", email = "ada@example.org"}]
    keywords = ["trade"]
    license = {text = "MIT"}
    requires-python = ">=3.10"
    dependencies = ["flask<3", "weft>=0.1"]
    [tool.other]
    x = 1
    [tool.weft]
    """


def test_project_stands_as_it_is(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path / "p", pyproject__toml=PROJECT))
    assert (manifest.name, manifest.version, manifest.description) == ("shop", "1.2", "Sells")
    assert (manifest.authors, manifest.tags, manifest.license) == (("Ada <ada@example.org>",), ("trade",), "")
    assert (manifest.requires.python, manifest.requires.packages, manifest.requires.weft) == (
        ">=3.10",
        ("flask<3",),
        ">=0.1",
    )
    assert manifest.form == "pyproject"
    assert manifest.requires.lock is None


def test_our_table_wins_over_project(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path / "p", pyproject__toml=PROJECT + "    name = 'store'\n"))
    assert manifest.name == "store"


def test_requirements_stand_in_one_place(tmp_path: Path) -> None:
    (problem,) = problems(write(tmp_path / "p", pyproject__toml=PROJECT + "    requires.packages = ['django']\n"))
    assert (problem.line, problem.key) == (13, "requires.packages")
    assert "project.dependencies" in problem.message


@pytest.mark.parametrize("lock", ["uv.lock", "pylock.toml"])
def test_a_lock_beside_it_is_recorded(tmp_path: Path, lock: str) -> None:
    folder = write(tmp_path / "p", pyproject__toml=PROJECT)
    (folder / lock).write_text("version = 1\n")
    assert read_manifest(folder).requires.lock == folder / lock


def test_a_dynamic_version_cannot_be_read(tmp_path: Path) -> None:
    text = "[project]\nname = 'x'\ndynamic = ['version', 'readme']\n[tool.weft]\n"
    (problem,) = problems(write(tmp_path / "p", pyproject__toml=text))
    assert (problem.line, problem.key) == (3, "project.dynamic")
    assert "version" in problem.remedy
    assert read_manifest(write(tmp_path / "p", pyproject__toml=text + "version = '3'\n")).version == "3"


def test_a_pyproject_without_our_table_is_no_plugin(tmp_path: Path) -> None:
    folder = write(tmp_path / "p", pyproject__toml="[project]\nname = 'x'\n")
    assert "[tool.weft]" in problems(folder)[0].remedy
    assert not is_plugin(folder)


def test_two_manifests_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "p", pyproject__toml=PROJECT, plugin__yaml="version: '1'")
    assert "keep one" in problems(folder)[0].remedy


# --- single files -------------------------------------------------------------------------------------------------


def test_a_bare_file_is_a_plugin_when_named(tmp_path: Path) -> None:
    path = write(tmp_path, hello__py="async def app(scope, receive, send): ...\n") / "hello.py"
    manifest = read_manifest(path)
    assert (manifest.name, manifest.version, manifest.entry, manifest.form) == ("hello", "0.0.0", "hello:app", "file")
    assert manifest.given == frozenset()


def test_a_script_block_is_read(tmp_path: Path) -> None:
    text = """\
    #!/usr/bin/env python3
    # /// script
    # requires-python = ">=3.11"
    # dependencies = [
    #   "starlette",
    # ]
    # [tool.weft]
    # name = "greeter"
    # version = "2.0"
    # [tool.other]
    # x = 1
    # ///
    application = None
    """
    path = write(tmp_path, hello__py=text) / "hello.py"
    manifest = read_manifest(path)
    assert (manifest.name, manifest.version, manifest.entry) == ("greeter", "2.0", "hello:application")
    assert (manifest.requires.python, manifest.requires.packages) == (">=3.11", ("starlette",))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_manifest(path) == manifest


def test_a_block_that_never_ends_is_noted(tmp_path: Path) -> None:
    path = write(tmp_path, x__py="# /// script\n# dependencies = ['a']\napp = 1\n") / "x.py"
    manifest = read_manifest(path)
    assert manifest.requires.packages == ()
    assert [note.line for note in manifest.notes] == [1]


def test_two_blocks_are_refused(tmp_path: Path) -> None:
    block = "# /// script\n# dependencies = []\n# ///\n"
    (problem,) = problems(write(tmp_path, x__py=f"{block}\n{block}") / "x.py")
    assert problem.line == 5


def test_a_file_whose_name_is_no_name_needs_one(tmp_path: Path) -> None:
    path = tmp_path / "my plugin.py"
    path.write_text("app = 1\n")
    (problem,) = problems(path)
    assert problem.key == "name"


# --- what a source is ---------------------------------------------------------------------------------------------


def test_a_folder_of_plugins(tmp_path: Path) -> None:
    write(tmp_path / "b", plugin__yaml="version: '1'")
    write(tmp_path / "c", pyproject__toml="[tool.weft]\n")
    write(tmp_path / "broken", pyproject__toml="[tool.weft\n")
    write(tmp_path / "d", pyproject__toml="[project]\n")
    write(tmp_path / ".hidden", plugin__yaml="version: '1'")
    write(
        tmp_path,
        a__py="# /// script\n# [tool.weft]\n# ///\n",
        other__py="x = 1\n",
        bad__py="# /// script\n# [tool.weft\n# ///\n",
    )
    (tmp_path / "e.plg").write_bytes(b"")
    found = [path.name for path in find_plugins(tmp_path)]
    assert found == ["a.py", "b", "bad.py", "broken", "c", "e.plg"]
    assert find_plugins(tmp_path / "b") == [tmp_path / "b"]
    assert find_plugins(tmp_path / "other.py") == [tmp_path / "other.py"]


@pytest.mark.parametrize("what", ["missing", "empty", "text.txt"])
def test_what_is_no_plugin_says_so(tmp_path: Path, what: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("hello")
    assert problems(tmp_path / what)[0].path == str(tmp_path / what)


def test_a_folder_with_no_plugins_says_so(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"tool\.weft"):
        find_plugins(tmp_path)


def test_an_archive_is_unpacked_first(tmp_path: Path) -> None:
    (tmp_path / "x.plg").write_bytes(b"")
    assert "unpack" in problems(tmp_path / "x.plg")[0].remedy


def test_what_a_release_is_read_from(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("")
    assert stored_source(tmp_path) == tmp_path / "x.py"
    (tmp_path / "y.py").write_text("")
    assert stored_source(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("file", "text", "system"),
    [
        ("plugin.yaml", "id: x\ncapabilities: [ui]\n", "Omniview"),
        ("plugin.yaml", "id: x\ntheme: {}\n", "Omniview"),
        ("gatewayd_plugin.yaml", "", "GatewayD"),
        ("gatewayd_plugin.yml", "", "GatewayD"),
    ],
)
def test_other_forms_are_refused_by_name(tmp_path: Path, file: str, text: str, system: str) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(NotInThisVersion, match=f"{system}.*not in this version"):
        read_manifest(tmp_path)
    assert is_plugin(tmp_path)


# --- hostile files ------------------------------------------------------------------------------------------------

ALIASES = "a: &a [x, x]\n" + "\n".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]" for n in range(20)
)


@pytest.mark.parametrize(
    "text",
    [
        ALIASES,
        "version: &a '1'",
        "- &a x\n- &a y",
        "[" * 100_000,
        "a: " + "{a: " * 10_000,
        "a: !!python/object/apply:os.system [ls]",
        "a: 2020-01-01",
        "a: !!binary aGk=",
        "<<: {a: 1}",
        "a: 1\na: 2",
        "? [a]\n: 1",
        "- a",
        "just text",
        "a: 'open",
        "a: 1\n---\nb: 2",
        "a: \0",
        "a: \ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
        "1: 2",
        "null: 1",
        "a: !x y",
        "%YAML 9.9\n---\na: 1",
        "\t- a",
        "a: " + "x," * 30_000,
        "config: {a: [" + "1," * 30_000 + "]}",
        "version: .nan",
        "name: 0o17",
        "config: {a: 99999999999999999999999}",
    ],
)
def test_hostile_yaml_is_refused(tmp_path: Path, text: str) -> None:
    assert problems(write(tmp_path / "p", plugin__yaml="") and _put(tmp_path / "p" / "plugin.yaml", text))


def _put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path.parent


@pytest.mark.parametrize("name", ["plugin.yaml", "pyproject.toml", "x.py"])
def test_a_huge_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("# weft\n" * 1_500_000)
    (problem,) = problems(tmp_path / name if name == "x.py" else tmp_path)
    assert "larger" in problem.message


@pytest.mark.parametrize("name", ["plugin.yaml", "x.py"])
def test_what_is_not_utf8_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"# fine\n# \xff\n")
    (problem,) = problems(tmp_path / name if name == "x.py" else tmp_path)
    assert problem.line == 2


LINES = st.sampled_from(
    [
        "# /// script",
        "# ///",
        "# [tool.weft]",
        "[tool.weft]",
        "# name = 1",
        "name = 'x'",
        "version: 1",
        "a: &a [*a]",
        "[[tool]]",
        "tool = 1",
        "# tool = {weft = []}",
        "limits: 3",
        "requires = {packages = [1]}",
        "requires: [a, {b: c}]",
        "[tool.weft.requires]",
        "plugins = ['a', 'b>1']",
        "project = 5",
        "[project]",
        "dependencies = {}",
        "dynamic = [1]",
        "order: {before: {}}",
        "authors: [{}, 1, {name: 2}]",
    ]
)
GARBAGE = st.lists(LINES | st.text(max_size=30), max_size=8).map("\n".join).map(
    lambda text: text.encode("utf-8", "replace")
) | st.binary(max_size=60)


@pytest.mark.parametrize("name", ["plugin.yaml", "pyproject.toml", "x.py"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=GARBAGE)
def test_garbage_is_read_or_refused(tmp_path: Path, name: str, garbage: bytes) -> None:
    (tmp_path / name).write_bytes(garbage)
    report = check(tmp_path / name if name == "x.py" else tmp_path)
    assert (report.manifest is None) == bool(report.problems)


def test_another_systems_file_beside_our_manifest_is_data(tmp_path: Path) -> None:
    folder = write(tmp_path / "p", plugin__yaml="version: '1'", plugin__json="{}")
    assert read_manifest(folder).form == "plugin.yaml"


def test_a_line_that_parsers_choke_on_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(write(tmp_path / "p", plugin__yaml="version: '1'\na: !" + "x" * 200_000))
    assert problem.line == 2
    assert "line longer" in problem.message


def test_thousands_of_open_blocks_are_one_note(tmp_path: Path) -> None:
    path = write(tmp_path, x__py="# /// script\n" * 70_000) / "x.py"
    assert len(read_manifest(path).notes) == 1
