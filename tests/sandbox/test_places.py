"""Where cgroups can be made, by what kernels and service managers of other machines say: their files, in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.sandbox.cgroups import Cgroups, Hits, Usage
from weft.sandbox.cgroups.cgroup import Cgroup, Part
from weft.sandbox.cgroups.hosts import Host
from weft.sandbox.cgroups.mounts import Mount, parse_membership, parse_mounts, seen_at
from weft.sandbox.cgroups.places import Ground, survey

PID = 4242

V2_MOUNT = "29 22 0:26 {root} {point} rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1_MOUNTS = """\
22 1 0:21 / /proc rw,relatime shared:12 - proc proc rw
33 32 0:28 {root} {point}/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
35 32 0:30 {root} {point}/memory rw,nosuid - cgroup cgroup rw,memory
36 32 0:31 {root} {point}/pids rw,nosuid - cgroup cgroup rw,pids
37 32 0:32 {root} {point}/systemd rw,nosuid - cgroup cgroup rw,xattr,name=systemd
31 32 0:27 / {point}/unified rw,nosuid - cgroup2 cgroup2 rw"""


def _proc(folder: Path, mountinfo: str, cgroup: str, root: str = "/") -> Path:
    proc = folder / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "self/mountinfo").write_text(mountinfo.replace("{point}", str(folder / "cgroup")).replace("{root}", root))
    (proc / "self/cgroup").write_text(cgroup)
    return proc


def _second(
    folder: Path, *, processes: tuple[int, ...] = (PID,), controllers: str = "cpuset cpu io memory pids"
) -> None:
    """A cgroup of version 2, as the kernel shows one that is not the root."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "cgroup.type": "domain\n",
        "cgroup.controllers": f"{controllers}\n",
        "cgroup.subtree_control": "\n",
        "cgroup.procs": "".join(f"{pid}\n" for pid in processes),
    }
    for name, text in contents.items():
        (folder / name).write_text(text)


def _service(tmp_path: Path, **options) -> tuple[Ground, Path]:
    """A service with a cgroup of its own, as systemd makes one."""
    own = tmp_path / "cgroup/system.slice/weft.service"
    _second(own, **options)
    return survey(_proc(tmp_path, V2_MOUNT, "0::/system.slice/weft.service\n"), PID), own


def test_a_delegated_service_moves_to_a_leaf_of_its_own_cgroup(tmp_path) -> None:
    ground, own = _service(tmp_path)
    (place,) = ground.places
    assert (place.version, place.folder, place.alone) == (2, own, True)
    assert place.controllers == {"cpu", "memory", "pids"}
    assert ground.missing == {}


def test_looking_changes_nothing(tmp_path) -> None:
    _service(tmp_path)
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    found = Cgroups.find(tmp_path / "proc")
    assert not found.limits  # this process is not the one that lives there
    assert {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_cgroup_shared_with_others_is_left_alone(tmp_path) -> None:
    ground, own = _service(tmp_path, processes=(PID, 1, 2))
    assert ground.places == ()
    assert set(ground.missing) == {"memory", "cpu", "processes"}
    assert f"{own} holds 2 other processes" in ground.missing["memory"]
    assert "Delegate=yes" in ground.missing["memory"]


def test_a_controller_that_is_not_delegated_is_named(tmp_path) -> None:
    ground, own = _service(tmp_path, controllers="memory pids")
    assert ground.places[0].controllers == {"memory", "pids"}
    assert ground.missing == {"cpu": f"cpu: not among the controllers of {own} (systemd: Delegate=yes)"}


def test_a_cgroup_without_controllers_is_of_no_use(tmp_path) -> None:
    ground, own = _service(tmp_path, controllers="")
    assert ground.places == ()
    assert f"{own} has none of the controllers" in ground.missing["cpu"]


def test_a_threaded_cgroup_is_of_no_use(tmp_path) -> None:
    own = tmp_path / "cgroup/a"
    _second(own)
    (own / "cgroup.type").write_text("threaded\n")
    ground = survey(_proc(tmp_path, V2_MOUNT, "0::/a\n"), PID)
    assert "is threaded" in ground.missing["memory"]


def test_a_host_that_moved_already_finds_the_same_place_again(tmp_path) -> None:
    base = tmp_path / "cgroup/weft.service"
    _second(base, processes=())
    leaf = base / Host(1, PID, 7).leaf
    _second(leaf)
    ground = survey(_proc(tmp_path, V2_MOUNT, f"0::/weft.service/{leaf.name}\n"), PID)
    assert [(place.folder, place.alone) for place in ground.places] == [(base, False)]


def test_a_host_started_in_a_subgroup_uses_what_is_delegated_above(tmp_path) -> None:
    base = tmp_path / "cgroup/weft.service"
    _second(base, processes=())
    _second(base / "main")
    try:
        os.setxattr(base, "user.delegate", b"1")
    except OSError:
        pytest.skip("the file system of temporary files keeps no attributes")
    ground = survey(_proc(tmp_path, V2_MOUNT, "0::/weft.service/main\n"), PID)
    assert [(place.folder, place.alone) for place in ground.places] == [(base, False)]


def test_the_root_of_version_2_may_hold_processes(tmp_path) -> None:
    root = tmp_path / "cgroup"
    _second(root, processes=(1, 2, PID))
    (root / "cgroup.type").unlink()  # the one cgroup without it
    ground = survey(_proc(tmp_path, V2_MOUNT, "0::/\n"), PID)
    assert [(place.folder, place.alone) for place in ground.places] == [(root, False)]


def _first(tmp_path: Path, *paths: str) -> None:
    for path in paths:
        folder = tmp_path / "cgroup" / path
        folder.mkdir(parents=True)
        (folder / "cgroup.procs").write_text(f"{PID}\n1\n")


def test_version_1_beside_an_empty_version_2(tmp_path) -> None:
    _first(tmp_path, "cpu,cpuacct/a", "memory/user.slice/b", "pids/c", "unified")
    membership = "4:pids:/c\n3:memory:/user.slice/b\n2:cpu,cpuacct:/a\n1:name=systemd:/x\n0::/\n"
    ground = survey(_proc(tmp_path, V1_MOUNTS, membership), PID)
    found = {place.folder.relative_to(tmp_path / "cgroup"): place.controllers for place in ground.places}
    assert found == {
        Path("cpu,cpuacct/a"): {"cpu", "cpuacct"},
        Path("memory/user.slice/b"): {"memory"},
        Path("pids/c"): {"pids"},
    }
    assert ground.missing == {}


def test_a_container_sees_its_own_cgroup_as_the_root(tmp_path) -> None:
    _first(tmp_path, "cpu,cpuacct", "memory", "pids", "unified")
    membership = "4:pids:/docker/abc\n3:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n"
    ground = survey(_proc(tmp_path, V1_MOUNTS, membership, root="/docker/abc"), PID)
    assert {place.folder.name for place in ground.places} == {"cpu,cpuacct", "memory", "pids"}


def test_a_hierarchy_that_is_not_mounted_is_named(tmp_path) -> None:
    _first(tmp_path, "memory", "unified")
    mounts = "\n".join(line for line in V1_MOUNTS.splitlines() if "pids" not in line and "cpuacct" not in line)
    ground = survey(_proc(tmp_path, mounts, "3:memory:/\n0::/\n"), PID)
    assert [place.controllers for place in ground.places] == [{"memory"}]
    assert set(ground.missing) == {"cpu", "processes"}


def test_a_system_without_cgroups_says_so(tmp_path) -> None:
    found = Cgroups.find(tmp_path)
    assert set(found.missing.values()) == {"this system has no cgroups"}
    assert found.make("plugin", memory=1 << 20, cpu=None, processes=1) is None
    assert found.sweep() == []
    assert found.description == ""


# --- the texts themselves -------------------------------------------------------------------------------------------


def test_a_mount_point_may_have_any_name() -> None:
    (mount,) = parse_mounts(r"31 2 0:27 / /mnt/with\040space rw,relatime - cgroup2 none rw")
    assert mount == Mount(2, Path("/mnt/with space"), "/", frozenset())


def test_a_cgroup_outside_of_the_mount_is_not_seen() -> None:
    mount = Mount(2, Path("/sys/fs/cgroup"), "/docker/abc", frozenset())
    assert seen_at(mount, "/docker/abc") == Path("/sys/fs/cgroup")
    assert seen_at(mount, "/docker/abc/x") == Path("/sys/fs/cgroup/x")
    for path in ("/docker/abcd", "/docker", "/", "/docker/abc/../other", "/docker/abc/x (deleted)"):
        assert seen_at(mount, path) is None


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=20
)


@given(st.dictionaries(st.sampled_from(["memory", "cpu", "pids", ""]), NAMES))
def test_membership_is_read_whatever_the_names(paths: dict[str, str]) -> None:
    text = "".join(f"{number}:{name}:/{path}\n" for number, (name, path) in enumerate(paths.items()))
    assert parse_membership(text) == {name: f"/{path}" for name, path in paths.items()}


@given(st.integers(0), st.integers(1), st.integers(0), st.integers(0))
def test_a_host_is_told_by_the_name_of_its_cgroup(namespace: int, pid: int, started: int, number: int) -> None:
    host = Host(namespace, pid, started)
    assert Host.named(host.above(number)) == Host.named(host.leaf) == host
    assert Host.named(f"{host.leaf}-x") is None


def test_a_host_of_another_namespace_is_never_gone() -> None:
    here = Host.this()
    assert not here.gone
    assert Host(here.namespace, here.pid, here.started + 1).gone
    assert not Host(here.namespace + 1, here.pid, here.started + 1).gone


# --- what version 2 tells -------------------------------------------------------------------------------------------

V2_FILES = {
    "memory.current": "73400320\n",
    "memory.peak": "134217728\n",
    "memory.stat": "anon 41943040\nfile 31457280\ninactive_anon 0\ninactive_file 20971520\n",
    "memory.events": "low 0\nhigh 0\nmax 57\noom 3\noom_kill 2\noom_group_kill 1\n",
    "cpu.stat": "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 40\nnr_throttled 12\n"
    "throttled_usec 1250000\n",
    "pids.events": "max 4\n",
    "cgroup.procs": "10\n11\n",
}


def test_what_version_2_tells(tmp_path) -> None:
    for name, text in V2_FILES.items():
        (tmp_path / name).write_text(text)
    cgroup = Cgroup("plugin", [Part(2, tmp_path, frozenset({"memory", "cpu", "pids"}))], {"memory", "cpu", "processes"})
    assert cgroup.usage() == Usage(memory=52428800, peak=134217728, cpu=2.5, processes=2)
    assert cgroup.hits() == Hits(memory=57, killed=2, refused=4, throttled=1.25)


def test_older_kernels_of_version_2_keep_no_peak(tmp_path) -> None:
    (tmp_path / "memory.current").write_text("4096\n")
    cgroup = Cgroup("plugin", [Part(2, tmp_path, frozenset({"memory"}))], {"memory"})
    assert cgroup.usage() == Usage(memory=4096, peak=4096, cpu=None, processes=0)
    assert cgroup.hits() == Hits()
