from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from weft.errors import EnvironmentFailed
from weft.packages.resolution import content_address, requirement_lines, stray_lines

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,5}([._-][a-z0-9]{1,3})?", fullmatch=True)
VERSIONS = st.sampled_from(["", ">=1", "<2,>=1.5", "==1.*", "~=2.1", "!=3"])


@given(st.lists(st.text()))
@example(["a\n--index-url x"])
@example(["a # comment"])
def test_only_requirements_become_lines(packages):
    with suppress(EnvironmentFailed):
        for line in requirement_lines(packages, plugin="shop"):
            assert Requirement(line)
            assert not line.startswith("-")
            assert "\n" not in line


@given(st.lists(st.tuples(NAMES, VERSIONS)), st.randoms())
def test_order_and_repetition_make_no_difference(parts, random):
    packages = [name + version for name, version in parts]
    again = [f" {name}  {version}" for name, version in parts + parts[:2]]
    random.shuffle(again)
    assert requirement_lines(packages, plugin="shop") == requirement_lines(again, plugin="shop")


@given(st.lists(st.binary(), max_size=4), st.lists(st.binary(), max_size=4))
def test_other_parts_have_another_address(one, other):
    assert (content_address(*one) == content_address(*other)) == (one == other)


RESOLVED = """\
cloth @ file:///srv/cloth
numpy==2.0.0 ; python_full_version < '3.12' \\
    --hash=sha256:00ff \\
    --hash=sha256:11ee
thread[wool]==1.0
"""


def test_what_uv_resolves_is_requirements_and_hashes():
    assert stray_lines(RESOLVED) == []


@pytest.mark.parametrize("line", [
    "--index-url http://127.0.0.1/", "-r /etc/passwd", "-e /srv/cloth", "cloth --config-settings x",
    "cloth==1.0 --hash=sha256:00 --index-url=http://127.0.0.1/", "/srv/cloth", "cloth @ https://${PASSWORD}/cloth.whl",
])  # fmt: skip
def test_whatever_else_is_there_is_found(line):
    assert stray_lines(f"{RESOLVED}{line}\n") == [line]


def test_no_requirement_names_a_variable():
    with pytest.raises(EnvironmentFailed, match="plugin shop: .*variables of the server are not for plugins"):
        requirement_lines(["cloth @ https://example.org/${UV_INDEX_OURS_PASSWORD}/cloth.whl"], plugin="shop")
