from __future__ import annotations

import asyncio
import re
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from weft.errors import EnvironmentFailed
from weft.manifest.model import Requires
from weft.packages.environments import Environment, Environments


def prepare(environments: Environments, python: str | None = None, progress=lambda line: None) -> Environment:
    return asyncio.run(environments.prepare(Requires(python=python), plugin="shop", progress=progress))


def ask(environment: Environment, code: str) -> str:
    code = f"import sys; sys.path.append({str(environment.helpers)!r}); {code}"
    command = [environment.python, *environment.flags, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_every_file_is_pinned_by_its_hash_and_no_index_is_named():
    text = resources.files("weft.packages").joinpath("helpers.txt").read_text()
    packages = re.findall(r"^([\w-]+)==", text, re.MULTILINE)
    assert {"a2wsgi", "msgspec", "uvloop"} <= set(packages)
    assert all("--hash=sha256:" in part for part in re.split(r"^(?=[\w-]+==)", text, flags=re.MULTILINE)[1:])
    assert "://" not in text


@pytest.mark.network
def test_an_interpreter_gets_helpers_of_its_own(tmp_path: Path):
    environment = prepare(Environments(tmp_path / "environments"))
    assert environment.helpers is not None
    assert environment.helpers.is_relative_to(tmp_path / "helpers")
    assert ask(environment, "import msgspec, uvloop, a2wsgi; print(msgspec.json.encode(1))") == "b'1'"
    assert ask(environment, "import msgspec; print(msgspec.__file__)").startswith(str(environment.helpers))
    assert sorted(path.name for path in environment.helpers.parent.iterdir()) == [
        environment.helpers.name,
        f"{environment.helpers.name}.lock",
    ]


@pytest.mark.network
@pytest.mark.parametrize("version", ["3.9", "3.10", "3.12", "3.13"])
def test_so_does_every_other(tmp_path: Path, version: str):
    try:
        environment = prepare(Environments(tmp_path / "environments"), f"=={version}.*")
    except EnvironmentFailed:
        pytest.skip(f"this machine has no Python {version}")
    assert f"-{version}." in environment.helpers.parent.name
    assert (
        ask(environment, "import msgspec, uvloop, a2wsgi; print(sys.version_info[:2])")
        == f"({version.replace('.', ', ')})"
    )


@pytest.mark.network
def test_what_a_host_that_was_killed_left_of_them_is_removed(tmp_path: Path):
    environments = Environments(tmp_path / "environments")
    helpers = prepare(environments).helpers
    assert helpers is not None
    half = helpers.with_name(f".new-{helpers.name}-x")
    helpers.rename(half)
    assert prepare(environments).helpers == helpers
    assert not half.exists()


def test_without_them_a_plugin_starts_all_the_same(tmp_path: Path, wheel):
    notes: list[str] = []
    environments = Environments(tmp_path / "environments")
    assert prepare(environments, progress=notes.append).helpers is None
    assert any(note.startswith("no helpers for Python") for note in notes)
    assert not [path for path in (tmp_path / "helpers").glob("*/*") if path.is_dir()]
    notes.clear()
    assert prepare(environments, progress=notes.append).helpers is None
    assert notes == []
