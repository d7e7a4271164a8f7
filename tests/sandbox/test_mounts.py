"""What is visible and what can be changed: paths, links and lines of mountinfo, as pure as they are."""

from __future__ import annotations

import os
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.sandbox.landlock import RUN, file_rights, write_rights
from weft.sandbox.mounts import lies_in, links_on, outermost, writable_mounts
from weft.sandbox.rules import interpreter_folders, policy

names = st.text(string.ascii_letters + " \t\n\\é", min_size=1, max_size=8)
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def mountinfo(point, options):
    """A line as the kernel writes it: see proc_pid_mountinfo(5)."""
    for sign in "\\ \t\n":
        point = point.replace(sign, f"\\{ord(sign):03o}")
    return f"36 35 98:0 / {point} {options},noatime master:1 - ext3 /dev/root rw,errors=continue\n"


@given(st.lists(st.tuples(paths, st.booleans()), max_size=6), st.lists(paths, max_size=3))
def test_mounts_stay_writable_where_they_lie_in_what_is_and_were(mounts, writable):
    lines = [mountinfo(point, "rw" if rw else "ro") for point, rw in mounts]
    assert writable_mounts(lines, writable) == [
        point for point, rw in mounts if rw and any(lies_in(point, path) for path in writable)
    ]


@given(paths, paths)
def test_a_path_lies_in_a_folder_by_whole_names(path, folder):
    assert lies_in(path, "/")
    assert lies_in(path, path)
    assert lies_in(f"{folder}/x", folder)
    assert not lies_in(f"{folder}x", folder)
    assert lies_in(path, folder) == (os.path.commonpath([path, folder]) == folder)


def test_only_the_outermost_of_what_is_there_and_is_no_link(tmp_path):
    for each in ("a/b", "ab", "c"):
        (tmp_path / each).mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    asked = [str(tmp_path / each) for each in ("a/b", "a", "ab", "link", "link/b", "none")]
    assert outermost(asked) == [str(tmp_path / "a"), str(tmp_path / "ab")]


def test_the_links_on_the_way_to_a_path_are_found_in_their_order(tmp_path):
    (tmp_path / "versions/3.12.1").mkdir(parents=True)
    (tmp_path / "versions/3.12").symlink_to("3.12.1")
    (tmp_path / "current").symlink_to(tmp_path / "versions/3.12")
    (tmp_path / "up").symlink_to("../" + tmp_path.name)
    (tmp_path / "round").symlink_to("round")
    assert links_on(f"{tmp_path}/up/current/python") == [
        (f"{tmp_path}/up", f"../{tmp_path.name}"),
        (f"{tmp_path}/current", f"{tmp_path}/versions/3.12"),
        (f"{tmp_path}/versions/3.12", "3.12.1"),
    ]
    assert links_on(f"{tmp_path}/versions/3.12.1") == []
    assert len(links_on(f"{tmp_path}/round")) == 40


@pytest.fixture
def ask(tmp_path):
    """``ask(**more)``: the policy of a plugin in tmp_path."""

    def make(**more):
        for each in ("own", "data", "bin"):
            (tmp_path / each).mkdir(exist_ok=True)
        own = str(tmp_path / "own")
        return policy(
            own=[own], programs=["/usr/bin/python3"], data=f"{tmp_path}/data", open_files=9, file_bytes=9, **more
        )

    return make


def test_a_policy_names_its_own_and_what_was_given(ask, tmp_path, monkeypatch):
    tool = tmp_path / "bin/tool"
    tool.parent.mkdir()
    tool.write_text("")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = ask(read=["/srv/in"], write=["/srv/out"], execute=["tool", "no-such-tool", str(tmp_path / "bin")])
    assert found["read"] == [str(tmp_path / "own"), "/srv/in"]
    assert found["write"] == [str(tmp_path / "data"), "/srv/out"]
    assert found["run"][:3] == [os.path.realpath("/usr/bin/python3"), str(tool), str(tmp_path / "bin")]
    assert not any("no-such-tool" in path for path in found["run"])


def test_of_what_it_names_that_is_shown_again_which_lies_where_all_else_is_hidden():
    own, data, socket = (os.path.realpath(f"/tmp/weft-nowhere/{each}") for each in ("own", "data", "socket"))
    asked = {"read": ["/srv/in", "/"], "sockets": ["/srv/socket", socket], "open_files": 9, "file_bytes": 9}
    found = policy(own=[own, "/usr/lib"], programs=["/usr/bin/python3"], data=data, **asked)
    shown = [path for path in found["shown"] if path not in map(os.path.realpath, found["system"])]
    assert shown == [socket, own, "/", data]


def test_a_policy_holds_nothing_of_the_users(ask):
    found = ask()
    everything = [*found["system"], *found["read"], *found["run"], *found["write"]]
    for secret in (str(Path.home() / ".ssh"), "/etc/shadow", "/etc/passwd", "/proc", "/run/docker.sock", "/bin/sh"):
        assert not any(lies_in(secret, path) for path in everything), secret


def test_an_interpreter_is_its_environment_and_its_base(tmp_path):
    base = tmp_path / "base"
    (base / "bin").mkdir(parents=True)
    (base / "bin/python3").write_text("")
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").symlink_to(base / "bin/python3")
    assert interpreter_folders(str(venv / "bin/python")) == [str(base)]
    (venv / "pyvenv.cfg").write_text("")
    assert interpreter_folders(str(venv / "bin/python")) == [str(venv), str(base)]
    assert interpreter_folders("/usr/bin/python3") == []


def test_writable_folders_hold_no_programs_and_no_devices():
    for abi in range(1, 8):
        rights = write_rights(abi)
        assert rights & ~file_rights(abi) == 0
        assert rights & (RUN & ~0b1100) == 0
        assert rights & (1 << 6 | 1 << 11) == 0
        assert rights & 1 << 1
