from __future__ import annotations

from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from weft.errors import EnvironmentFailed
from weft.packages.resolution import content_address, requirement_lines

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
