"""What of this machine a build gets to see because requirements or the operator's uv name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.packages.places import configured, take_in


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A server's state with somebody's package in it, and packages and secrets beside it."""
    for name in (
        "state/token", "state/contents/shop/pyproject.toml", "cloth/pyproject.toml", "thread/setup.py",
        "thread-1.0.tar.gz", "wool-1.0-py3-none-any.whl", "repository/HEAD", ".ssh/id", "project/pyproject.toml",
        "project/.venv/pyvenv.cfg",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def taken(machine: Path, text: str):
    return take_in(text, machine / "room", besides=machine / "state")


@pytest.mark.parametrize("name", ["cloth", "thread", "project"])
def test_the_folder_of_a_package_is_copied(machine, name):
    text = f"it @ {(machine / name).as_uri()}\n"
    result = taken(machine, text)
    copy = machine / "room" / "0" / name
    assert result.text == f"it @ {copy.as_uri()}\n"
    assert result.back(result.text) == text
    assert result.read == ()
    assert {each.name for each in copy.iterdir()} == {each.name for each in (machine / name).iterdir()} - {".venv"}


def test_a_lock_names_folders_another_way(machine):
    text = f'[[packages]]\nname = "cloth"\ndirectory = {{ path = "{machine}/cloth" }}\n'
    result = taken(machine, text)
    assert f'path = "{machine}/room/0/cloth"' in result.text
    assert result.back(result.text) == text


@pytest.mark.parametrize("address", [
    "file://{machine}/thread-1.0.tar.gz", "file://{machine}/wool-1.0-py3-none-any.whl#sha256=00",
    "git+file://{machine}/repository", "git+file://{machine}/repository@0123abc",
])  # fmt: skip
def test_archives_and_repositories_are_read_where_they_are(machine, address):
    text = "it @ " + address.format(machine=machine)
    result = taken(machine, text)
    assert result.text == text
    assert [path.parent for path in result.read] == [machine]


@pytest.mark.parametrize("name", [".ssh", ".ssh/id", "", "state/token", "state/contents/shop", "nowhere"])
def test_to_name_a_path_is_no_right_to_read_it(machine, name):
    text = f"it @ file://{machine}/{name}"
    result = taken(machine, text)
    assert (result.text, result.read) == (text, ())
    assert not (machine / "room").exists()


def test_a_folder_around_the_servers_state_is_none(machine):
    (machine / "pyproject.toml").touch()
    assert taken(machine, f"it @ {machine.as_uri()}").text == f"it @ {machine.as_uri()}"


def test_what_the_operator_told_uv_is_copied_without_credentials(tmp_path):
    (tmp_path / "shelf").mkdir()
    (tmp_path / "given.toml").write_text(
        f'cache-dir = "{tmp_path}"\n[[index]]\nurl = "https://me:hunter2@example.org/simple"\n'
        f'[pip]\nfind-links = ["{tmp_path}/shelf", "{tmp_path}/nowhere"]\n'
    )
    home = tmp_path / "home"
    result = configured({"UV_CONFIG_FILE": str(tmp_path / "given.toml"), "UV_FIND_LINKS": str(tmp_path)}, home)
    assert set(result.places) == {tmp_path / "shelf", tmp_path}
    copy = Path(result.variables["UV_CONFIG_FILE"])
    assert copy.parent == home
    assert 'url = "https://example.org/simple"' in copy.read_text()


def test_the_users_own_configuration_is_found_where_uv_finds_it(tmp_path):
    (tmp_path / ".config" / "uv").mkdir(parents=True)
    (tmp_path / ".config" / "uv" / "uv.toml").write_text(f'find-links = ["{tmp_path}"]\n')
    result = configured({"HOME": str(tmp_path)}, tmp_path / "home")
    assert result.places == (tmp_path,)
    assert (tmp_path / "home" / ".config" / "uv" / "uv.toml").is_file()
