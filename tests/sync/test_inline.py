"""Plugins in the host's interpreter: what is plain is called as it is, what is not runs on the loop."""

from __future__ import annotations

import itertools
import os
import threading

import pytest

from weft.errors import PluginError


def test_a_def_method_runs_in_the_calling_thread(inline):
    assert inline.where() == [os.getpid(), threading.get_ident()]
    elsewhere = []
    thread = threading.Thread(target=lambda: elsewhere.extend(inline.where()))
    thread.start()
    thread.join()
    assert elsewhere == [os.getpid(), thread.ident]


def test_an_async_def_method_runs_on_the_loop(inline):
    assert inline.small(b"picture", 3, grey=True) == b"picgrey"
    with pytest.raises(PluginError, match="no such picture"):
        inline.refuse()


def test_items_go_both_ways(inline):
    assert list(inline.frames(1_000)) == list(range(1_000))
    assert inline.total(range(1_000)) == sum(range(1_000))
    assert list(itertools.islice(inline.doubled(itertools.count()), 5)) == [0, 2, 4, 6, 8]
    told = []
    assert inline.convert(2, told.append, bool) == [False, True]
    assert told == [0.0, 0.5]


def test_hooks_that_are_plain_are_called_plainly(engine, contracts, inline):
    hooks = engine.hooks(contracts)
    assert hooks.thread() == [threading.get_ident()]
    assert hooks.render("page") == "page!"


def test_hooks_of_any_runtime_make_one_chain(engine, contracts, inline, gallery_source):
    engine.load(gallery_source, name="apart")
    here, apart = engine.hooks(contracts).thread()
    assert here == threading.get_ident() != apart
    assert engine.hooks(contracts).render("page") == "page!!"
