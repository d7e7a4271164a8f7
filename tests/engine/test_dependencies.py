"""Order and ranges, as pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.engine.dependencies import dependents, find_cycles, in_range, in_start_order, requirements
from weft.manifest import Manifest, Requires

NAMES = st.sampled_from("abcdefg")
GRAPHS = st.dictionaries(NAMES, st.sets(NAMES)).map(
    lambda graph: {
        name: Manifest(name=name, requires=Requires(plugins=dict.fromkeys(sorted(needs), "")))
        for name, needs in graph.items()
    }
)


def reachable(graph, start):
    """Everything that ``start`` requires, directly or not."""
    found, left = set(), [start]
    while left:
        new = {*graph[left.pop()]} - found
        found |= new
        left += new
    return found


@given(GRAPHS)
def test_each_circle_is_one_and_the_rest_has_an_order(present):
    graph = requirements(present)
    cycles = find_cycles(present)
    for name, cycle in cycles.items():
        assert cycle[0] == name
        assert len({*cycle}) == len(cycle)
        for one, next_one in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert next_one in graph[one]
    assert bool(cycles) == any(name in reachable(graph, name) for name in graph)
    rest = {name: each for name, each in present.items() if name not in cycles}
    order = in_start_order(rest)
    assert sorted(order) == sorted(rest)
    for name in rest:
        assert all(order.index(needed) < order.index(name) for needed in requirements(rest)[name])
        assert all(order.index(other) > order.index(name) for other in dependents(name, rest))


@pytest.mark.parametrize(
    ("version", "wanted", "met"),
    [
        ("1.2.3", "", True),
        ("1.2.3", ">=1,<2", True),
        ("2.0.0", ">=1,<2", False),
        ("2.0.0-beta.1", ">=1,<2", False),
        ("2.0.0-beta.1", ">=2", False),
        ("2.0.0-beta.1", ">=1", True),
        ("1.2rc1", "<1.2", False),
        ("1.0.0-x.7.z.92", ">=0.9", True),
        ("1.0.0-x.7.z.92", ">=1.0.0", False),
        ("1.0.0+build--5", "==1.0.0", True),
        ("1.0.0-x.7+build--5", ">=1", False),
        ("1.0.0+abc", "==1.0.0", True),
    ],
)
def test_ranges_take_versions_of_both_kinds(version, wanted, met):
    assert in_range(version, wanted) is met
