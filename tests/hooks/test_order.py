"""The order of a chain: every wish is held, priority where nobody wishes, load order where all else is equal."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import UsageError
from weft.hooks import Place, arrange
from weft.manifest import Order

NAMES = "abcdefgh"
ABSENT = "xyz"


@st.composite
def orders(draw, *, circular=False):
    """Providers in some load order; their wishes agree with one hidden order unless they may be circular."""
    hidden = draw(st.permutations(NAMES))
    places = {}
    for name in draw(st.permutations(NAMES)):
        at = hidden.index(name)
        before, after = (NAMES, NAMES) if circular else (hidden[at + 1 :], hidden[:at])
        wish = {"max_size": 3}
        places[name] = Place(
            draw(st.integers(-2, 2)),
            draw(st.lists(st.sampled_from([*before, *ABSENT]), **wish)),
            draw(st.lists(st.sampled_from([*after, *ABSENT]), **wish)),
        )
    return places


def pairs(places):
    """Every (earlier, later) that somebody wishes."""
    found = {(name, later) for name, place in places.items() for later in place.before if later in places}
    return found | {(earlier, name) for name, place in places.items() for earlier in place.after if earlier in places}


@given(orders())
def test_every_wish_is_held_and_everybody_is_there_once(places):
    arranged = arrange(places)
    assert sorted(arranged) == sorted(places)
    assert all(arranged.index(earlier) < arranged.index(later) for earlier, later in pairs(places))


@given(orders())
def test_among_those_who_may_come_next_priority_decides_then_load_order(places):
    left, loaded, wishes = set(places), list(places), pairs(places)
    for name in arrange(places):
        free = {one for one in left if not any((other, one) in wishes for other in left)}
        assert name == min(free, key=lambda one: (places[one].priority, loaded.index(one)))
        left.remove(name)


@given(orders(circular=True))
def test_what_cannot_be_ordered_is_a_cycle_of_real_wishes(places):
    try:
        arrange(places)
    except UsageError as error:
        cycle = str(error).removeprefix("hooks cannot be ordered: ").partition(";")[0].split(" before ")
        assert cycle[0] == cycle[-1]
        assert set(pairwise(cycle)) <= pairs(places)
        assert len(set(cycle)) == len(cycle) - 1


@pytest.mark.parametrize(
    ("places", "arranged"),
    [
        ({}, []),
        ({"b": Place(), "a": Place()}, ["b", "a"]),
        ({"b": Place(1), "a": Place(), "c": Place(-1)}, ["c", "a", "b"]),
        ({"a": Place(), "b": Place(9, before=["a"])}, ["b", "a"]),
        ({"a": Place(-9, after=["b"]), "b": Place()}, ["b", "a"]),
        ({"a": Place(before=["gone"], after=["never"])}, ["a"]),
        ({"a": Place(), "b": Place(before=["a", "a"]), "c": Place(before=["a"], after=["b"])}, ["b", "c", "a"]),
        ({"a": Order(priority=5), "b": Order(before=("a",))}, ["b", "a"]),
    ],
)
def test_the_order_is(places, arranged):
    assert arrange(places) == arranged


@pytest.mark.parametrize(
    ("places", "cycle"),
    [
        ({"a": Place(before=["b"]), "b": Place(before=["a"])}, "a before b before a"),
        ({"b": Place(after=["a"]), "a": Place(after=["b"])}, "b before a before b"),
        ({"a": Place(after=["a"])}, "a before a"),
        (
            {"x": Place(after=["c"]), "a": Place(before=["b"]), "b": Place(before=["c"]), "c": Place(before=["a"])},
            "a before b before c before a",
        ),
    ],
)
def test_a_cycle_is_shown_in_full_with_the_remedy(places, cycle):
    with pytest.raises(UsageError, match=f": {cycle}; take one of them out of `before` or `after`$"):
        arrange(places)
