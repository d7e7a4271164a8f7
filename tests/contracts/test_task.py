"""The context of a task, by itself: values, what crosses, and when it is done."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weft
from weft.contracts.mismatch import Mismatch
from weft.contracts.sealed import Sealed
from weft.contracts.task_context import MOST_VALUES, TaskContext
from weft.errors import DeadlineExceeded, TaskCancelled, WrongArgument
from weft.wire.msgpack import decode, encode


class Colour(Enum):
    RED = "red"
    BLUE = 2


@dataclass
class Item:
    name: str
    price: Decimal
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Order:
    items: tuple[Item, ...]
    colour: Colour


class Point(NamedTuple):
    x: int
    y: int


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**80), 2**80),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.decimals(allow_nan=False),
    st.text("abc/.", min_size=1).map(Path),
    st.sampled_from(Colour),
    st.builds(Item, st.text(), st.decimals(allow_nan=False), st.lists(st.text(), max_size=3)),
    st.builds(Point, st.integers(), st.integers()),
)
KEYS = st.one_of(st.text(), st.integers(), st.dates())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(KEYS, inner, max_size=4),
        st.sets(st.one_of(st.integers(), st.text(), st.uuids()), max_size=4),
        st.frozensets(st.text(), max_size=4),
    ),
    max_leaves=8,
)


def crossed(values):
    """The values as the wire would bring them."""
    return {key: Sealed(plain) for key, plain in decode(encode(values)).items()}


@given(st.dictionaries(st.text().filter(str.strip), VALUES, max_size=4))
def test_values_of_every_type_go_over_and_come_back(values):
    here = TaskContext(values)
    there = TaskContext.arrived(crossed(here.packed()), lambda *_: None)
    assert there.values == values
    assert list(map(type, there.values.values())) == list(map(type, values.values()))
    back = TaskContext(values)
    back.packed()
    back.take(crossed(there.packed()))
    assert back.values == values


def test_blank_keys_are_dropped_and_unknown_ones_give_none():
    context = TaskContext({"": 1, " \t\n": 2, "id": 7})
    context.set_value("   ", 3)
    assert context.values == {"id": 7}
    assert (context.get_value(""), context.get_value("name")) == (None, None)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (object(), "expected a type that can cross, found object"),
        ([1, {"x": {2: threading.Lock()}}], r"\[1\]\['x'\]\[2\]: expected a type that can cross, found lock"),
        (lambda: 1, "found function"),
        (3j, "found complex"),
        (iter([1]), "found list_iterator"),
    ],
)
def test_what_cannot_cross_is_refused_where_it_is_set(value, found):
    context = TaskContext({"id": 7})
    with pytest.raises(WrongArgument, match=rf"value 'image' of a task cannot cross: .*{found}"):
        context.set_value("image", value)
    with pytest.raises(WrongArgument):
        TaskContext({"image": value})
    assert context.values == {"id": 7}


def test_a_key_is_text():
    with pytest.raises(WrongArgument, match="must be a str, found 7"):
        TaskContext().set_value(7, 1)


def test_a_value_that_changed_after_it_was_set_is_refused_where_it_crosses():
    values = [1]
    context = TaskContext({"list": values})
    values.append(values)
    with pytest.raises(Mismatch, match=r"\['list'\].*contains itself"):
        context.packed()


def test_a_context_holds_so_many_values():
    context = TaskContext({str(number): number for number in range(MOST_VALUES)})
    with pytest.raises(WrongArgument, match="at most 10,000 values"):
        context.set_value("more", 1)
    with pytest.raises(WrongArgument, match="at most 10,000 values"):
        context.take({"more": Sealed(1)})
    context.set_value("0", "other")
    assert context.get_value("0") == "other"


def test_only_classes_that_were_handed_out_or_declared_are_built():
    item = TaskContext({"item": Item("x", Decimal(1)), "colour": Colour.BLUE}).packed()
    stranger = TaskContext({"id": 7})
    stranger.packed()
    stranger.take(crossed(item))
    assert stranger.values == {"id": 7, "item": {"name": "x", "price": Decimal(1), "tags": []}, "colour": 2}
    declared = TaskContext(types=[Item, Colour])
    declared.take(crossed(item))
    assert declared.values == {"item": Item("x", Decimal(1)), "colour": Colour.BLUE}
    order = Order((Item("y", Decimal(2)),), Colour.RED)
    handed_out = TaskContext({"orders": [order]})
    handed_out.packed()
    handed_out.take(crossed(item))
    assert handed_out.values == {"orders": [order], "item": Item("x", Decimal(1)), "colour": Colour.BLUE}


def test_nothing_is_imported_because_a_plugin_names_it(monkeypatch):
    imported = []
    monkeypatch.setattr("importlib.import_module", lambda name, *_: imported.append(name))
    context = TaskContext({"id": Item("x", Decimal(1))})
    context.packed()
    forms = {"a": {"$record": ["antigravity:Item", {"x": 1}]}, "b": {"$record": ["subprocess:Popen", {"args": "ls"}]}}
    context.take({key: Sealed(form) for key, form in forms.items()})
    assert (context.get_value("a"), context.get_value("b"), imported) == ({"x": 1}, {"args": "ls"}, [])


def test_a_value_that_is_none_names_its_key():
    with pytest.raises(Mismatch, match=r"\['x'\]: expected a value that says what it is, found '\$no'"):
        TaskContext().take({"x": Sealed({"$no": 1})})


def test_done_is_for_threads_and_for_coroutines(run):
    context = TaskContext()
    assert (context.done.is_set(), bool(context.done), context.err, context.cancelled) == (False, False, None, False)
    assert not context.done.wait(0)
    waiting = threading.Thread(target=context.done.wait)
    waiting.start()

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_soon(context.cancel)
        await context.done
        await context.done

    run(main())
    waiting.join(10)
    assert not waiting.is_alive()
    assert isinstance(context.err, TaskCancelled)
    assert context.done
    assert context.cancelled


def test_a_deadline_that_passes_sets_done(run):
    context = TaskContext()
    assert (context.deadline, context.time_left()) == (None, None)
    context.begin(30)
    assert 0 < context.time_left() <= 30
    assert timedelta() < context.deadline - datetime.now(UTC) <= timedelta(seconds=30)
    assert not context.done
    context.begin(0.01)
    assert context.done.wait()
    assert isinstance(context.err, DeadlineExceeded)
    assert not context.cancelled

    async def main():
        context.begin(0.01)
        await context.done

    run(main())


def test_many_threads_set_and_get():
    context = TaskContext({"n": 0})

    def work(number):
        for each in range(200):
            context.set_value(f"{number}.{each}", each)
            context.get_value("n")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(context.values) == 1601


def test_its_repr_shows_no_values():
    assert repr(TaskContext({"password": "secret"})) == "TaskContext(password)"


def test_the_names_are_at_the_top():
    assert (weft.TaskContext, weft.Task.__name__, weft.Storage.__name__) == (TaskContext, "Task", "Storage")
