"""Every state and event of both tables, and the machine that walks through them."""

from __future__ import annotations

import itertools

import pytest

from weft.errors import TransitionError
from weft.lifecycle import INSTANCE, PLUGIN, Table
from weft.lifecycle.table import Machine

PAIRS = [
    (table, state, event)
    for table in (PLUGIN, INSTANCE)
    for state, event in itertools.product(table.states, table.events)
]


def reached(table):
    found = {table.initial}
    while more := {after for (before, _), after in table.transitions.items() if before in found} - found:
        found |= more
    return found


@pytest.mark.parametrize(("table", "state", "event"), PAIRS, ids=lambda value: getattr(value, "name", value))
def test_every_pair_is_a_transition_or_an_error_that_says_what_is_allowed(table, state, event):
    if (state, event) in table.transitions:
        assert table.allows(state, event)
        assert table.next(state, event) == table.transitions[state, event]
        return
    assert not table.allows(state, event)
    with pytest.raises(TransitionError) as caught:
        table.next(state, event)
    text = str(caught.value)
    assert repr(event) in text
    assert repr(state) in text
    allowed = [its for at, its in table.transitions if at == state]
    assert all(its in text for its in allowed)
    assert allowed or "nothing" in text


@pytest.mark.parametrize("table", [PLUGIN, INSTANCE], ids=lambda table: table.name)
def test_every_state_can_be_reached(table):
    assert reached(table) == set(table.states)


def test_a_plugin_can_be_stopped_from_wherever_it_runs_and_replaced_from_wherever_it_rests():
    for state in ("starting", "running", "degraded", "recovering", "failed", "quarantined"):
        assert PLUGIN.next(state, "stop") == "stopping"
    for state in ("running", "degraded", "recovering", "failed", "quarantined", "stopped"):
        assert PLUGIN.next(state, "replace") == "running"


def test_an_instance_may_end_in_every_state_but_its_last():
    for state in INSTANCE.states:
        assert INSTANCE.allows(state, "end") == (state != "ended")


@pytest.mark.parametrize("table", [PLUGIN, INSTANCE], ids=lambda table: table.name)
def test_the_diagram_shows_every_transition(table):
    first, start, *lines = table.mermaid().splitlines()
    assert (first, start.strip()) == ("stateDiagram-v2", f"[*] --> {table.initial}")
    shown = [line.strip() for line in lines]
    assert shown == [f"{before} --> {after}: {event}" for (before, event), after in table.transitions.items()]


def test_a_machine_tells_each_transition_and_stays_when_there_is_none():
    told = []
    machine = Machine(Table("door", "open", {("open", "shut"): "closed"}), lambda *what: told.append(what))
    assert machine.allows("shut")
    machine.fire("shut")
    with pytest.raises(TransitionError, match=r"door: 'shut' is not allowed in state 'closed' \(allowed: nothing\)"):
        machine.fire("shut")
    assert machine.state == "closed"
    assert not machine.allows("shut")
    assert told == [("open", "shut", "closed")]


def test_a_machine_needs_no_listener():
    machine = Machine(INSTANCE)
    for event in ("ready", "drain", "stop", "end"):
        machine.fire(event)
    assert machine.state == "ended"
