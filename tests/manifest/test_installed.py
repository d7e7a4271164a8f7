"""Plugins that are installed in the host: their manifests come from metadata, and none of their code runs."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PathDistribution

import pytest
from uv import find_uv_bin

from weft.errors import ManifestError
from weft.manifest.installed import GROUP, find_installed, installed_folder, read_installed

METADATA = """\
Metadata-Version: 2.4
Name: acme-shop
Version: 2.1.0
Summary: Sells things
Author: Ann, Bo
Author-email: Cy <cy@a.example>
License-Expression: MIT
Project-URL: Docs, https://docs.a.example
Project-URL: Homepage, https://a.example
Keywords: shop,selling
Requires-Python: >=3.9
Requires-Dist: packaging>=20
Requires-Dist: weft>=0.1
Requires-Dist: pytest; extra == "test"
Requires-Dist: colorama; sys_platform == "nowhere"
Provides-Extra: test

A long description.
"""


@pytest.fixture
def site(tmp_path, importable):
    """``site(metadata, "shop = acme_shop:Shop", …)``: a distribution as pip leaves it, on the host's path."""

    def make(metadata, *points, folder="site", group=GROUP):
        where = tmp_path / folder
        name = metadata.split("Name: ")[1].split("\n")[0]
        info = where / f"{name}-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *points]) + "\n")
        (info / "RECORD").write_text(f"{info.name}/METADATA,,\n")
        (where / "acme_shop.py").write_text("raise SystemExit('imported')\n")
        importable(where)
        return where

    yield make
    for path in [each for each in sys.path_importer_cache if each.startswith(str(tmp_path))]:
        del sys.path_importer_cache[path]


def minimal(name, *lines):
    return "\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1", *lines]) + "\n"


def test_an_entry_point_is_a_plugin_with_its_distributions_metadata(site):
    where = site(METADATA, "shop = acme_shop:Shop")
    (point,) = find_installed()
    manifest = read_installed(point)
    assert (manifest.name, manifest.version, manifest.entry) == ("shop", "2.1.0", "acme_shop:Shop")
    assert (manifest.runtime, manifest.form) == ("inline", "installed")
    assert manifest.description == "Sells things"
    assert manifest.authors == ("Ann", "Bo", "Cy <cy@a.example>")
    assert (manifest.license, manifest.homepage, manifest.tags) == ("MIT", "https://a.example", ("shop", "selling"))
    assert (manifest.requires.python, manifest.requires.packages) == (">=3.9", ("packaging>=20",))
    assert manifest.requires.weft == ">=0.1"
    assert manifest.domains == ("shop.localhost",)
    assert installed_folder(point) == where
    assert "acme_shop" not in sys.modules
    assert read_installed(point, name="other").name == "other"


def test_several_of_several_distributions_by_name(site):
    site(minimal("one"), "zoo = acme_shop:Zoo", "bar=acme_shop.bar : Bar", "mod = acme_shop")
    site(minimal("two"), "cat = acme_shop:Cat", folder="more")
    site(minimal("three"), "dog = acme_shop:Dog", folder="elsewhere", group="other.plugins")
    assert [point.name for point in find_installed()] == ["bar", "cat", "mod", "zoo"]
    assert [read_installed(point).entry for point in find_installed()] == [
        "acme_shop.bar:Bar", "acme_shop:Cat", "acme_shop", "acme_shop:Zoo",
    ]  # fmt: skip
    assert [point.name for point in find_installed("other.plugins")] == ["dog"]
    assert find_installed("nobodys.group") == []


def test_the_first_of_one_distribution_on_the_path_counts(site):
    site(minimal("one", "Summary: hidden"), "shop = acme_shop:Shop")
    site(minimal("one", "Summary: first"), "shop = acme_shop:Shop", folder="before")
    (point,) = find_installed()
    assert read_installed(point).description == "first"


def test_extras_of_an_entry_point_are_required(site):
    site(METADATA, "shop = acme_shop:Shop [test]")
    (point,) = find_installed()
    assert 'pytest; extra == "test"' in read_installed(point).requires.packages
    assert read_installed(point).entry == "acme_shop:Shop"


def test_what_older_metadata_leaves_unknown_is_left_out(site):
    text = "License: A licence\n        of several lines\nAuthor: UNKNOWN\nHome-page: UNKNOWN\nSummary: UNKNOWN"
    site(minimal("one", *text.split("\n")), "shop = acme_shop:Shop")
    manifest = read_installed(find_installed()[0])
    assert (manifest.license, manifest.authors, manifest.homepage, manifest.description) == ("", (), "", "")


def test_every_problem_is_told_at_once_with_the_metadatas_path(site):
    where = site(minimal("one", "Requires-Dist: !!"), "a.b = acme_shop:not-a-name")
    with pytest.raises(ManifestError) as caught:
        read_installed(find_installed()[0])
    problems = {problem.key: problem for problem in caught.value.problems}
    assert set(problems) == {"name", "entry", "requires.packages[0]"}
    assert {problem.path for problem in problems.values()} == {str(where / "one-1.dist-info" / "METADATA")}


def test_a_wheel_that_was_built_and_installed_is_found_by_another_interpreter(tmp_path):
    """Built and installed by the tools that people use, looked at in a process of its own."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "acme_tiny.py").write_text("raise SystemExit('imported')\n")
    (project / "pyproject.toml").write_text(
        "[build-system]\nrequires = ['hatchling']\nbuild-backend = 'hatchling.build'\n"
        "[project]\nname = 'acme-tiny'\nversion = '3.0'\ndescription = 'Tiny'\n"
        "[project.entry-points.'weft.plugins']\ntiny = 'acme_tiny:app'\n"
        "[tool.hatch.build.targets.wheel]\nonly-include = ['acme_tiny.py']\n"
    )
    options = ["--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--offline", "--no-cache"]
    target = tmp_path / "target"
    command = [find_uv_bin(), "pip", "install", *options, "--python", sys.executable, "--target", target, project]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [each.name for each in PathDistribution(target / "acme_tiny-3.0.dist-info").entry_points] == ["tiny"]
    code = (
        f"import sys; sys.path.insert(0, {str(target)!r})\n"
        "from weft.manifest.installed import find_installed, read_installed\n"
        "for each in find_installed(): print(read_installed(each).name, read_installed(each).description)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "tiny Tiny\n"
