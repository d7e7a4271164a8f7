"""The locked requirements hold everything that pyproject.toml asks for, by hash, from no particular index."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PYTHONS = ("3.11", "3.12", "3.13")


def group(name: str) -> list[str]:
    """The requirements of a dependency group, those of the groups it includes among them."""
    entries = PROJECT["dependency-groups"][name]
    included = [line for entry in entries if isinstance(entry, dict) for line in group(entry["include-group"])]
    return [entry for entry in entries if isinstance(entry, str)] + included


SLIM = PROJECT["project"]["dependencies"]
SERVER = SLIM + PROJECT["project"]["optional-dependencies"]["server"]
ASKED = {
    "server": SERVER,
    "dev": SERVER + group("dev"),
    "build": group("build"),
    "docs": group("docs"),
    "bench": group("bench"),
    "bench-cpex": group("bench-cpex"),
    "uv": ["uv"],
}


def locked(name: str) -> list[Requirement]:
    """Every pinned requirement of a lock, without its hashes."""
    text = (ROOT / f"requirements/{name}.txt").read_text()
    return [Requirement(line.rstrip(" \\")) for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]


@pytest.mark.parametrize("name", sorted(ASKED))
@pytest.mark.parametrize("python", PYTHONS)
def test_a_lock_has_every_requirement_of_the_project(name: str, python: str) -> None:
    environment = {"python_version": python, "sys_platform": "linux", "platform_python_implementation": "CPython"}
    pins = {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in locked(name)
        if pin.marker is None or pin.marker.evaluate(environment)
    }
    for line in ASKED[name]:
        wanted = Requirement(line)
        found = pins.get(canonicalize_name(wanted.name))
        assert found is not None, f"requirements/{name}.txt has no {wanted.name}: make lock"
        assert wanted.specifier.contains(found), f"requirements/{name}.txt has {wanted.name} {found}: make lock"


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_a_hash_and_no_index_is_named(path: Path) -> None:
    text = path.read_text()
    pins = re.findall(r"^[A-Za-z0-9].*(?:\n    --hash=sha256:[0-9a-f]{64}.*)+", text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE))
    assert not re.search(r"://|--index|--find-links|--trusted-host", text)


def test_the_lock_of_the_tests_agrees_with_the_lock_of_the_server() -> None:
    server = {pin.name: str(pin.specifier) for pin in locked("server")}
    dev = {pin.name: str(pin.specifier) for pin in locked("dev")}
    assert {name: dev.get(name) for name in server} == server


def test_every_lock_is_known_here() -> None:
    assert {path.stem for path in LOCKS} == set(ASKED)
