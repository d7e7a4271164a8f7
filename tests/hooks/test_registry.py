"""Providers come and go; each chain is swapped whole, and what is wrong changes nothing."""

from __future__ import annotations

import asyncio
import copy
import inspect
import threading

import pytest

from weft.errors import UsageError
from weft.hooks import Hooks, Place, UnknownHook
from weft.manifest import Order


@pytest.fixture
def contract(shapes):
    return shapes.Contract(
        {
            "render": shapes.Method(doc="Renders a page."),
            "title": shapes.Method(hook=shapes.Options(mode="first")),
            "print": shapes.Method(hook=None),
        }
    )


@pytest.fixture
def hooks(contract):
    return Hooks(contract, asynchronous=False, report=lambda *what: None)


def render(suffix):
    return {"render": lambda text: text + suffix}


def test_without_providers_every_chain_is_empty(hooks):
    assert hooks.providers == ()
    assert hooks.chains.render("-") == []
    assert hooks.chains.title("-") is None


def test_providers_are_called_by_their_order_and_left_out_when_they_are_gone(hooks):
    hooks.add("a", render("a"))
    hooks.add("b", render("b"), Order(priority=-1))
    hooks.add("c", {**render("c"), "title": str.upper}, Order(before=("b", "never")))
    assert hooks.providers == ("a", "b", "c")
    assert hooks.chains.render("-") == ["-a", "-c", "-b"]
    assert hooks.chains.title("x") == "X"
    hooks.remove("b")
    assert hooks.chains.render("-") == ["-a", "-c"]
    hooks.remove("c")
    assert hooks.chains.render("-") == ["-a"]
    assert hooks.chains.title("x") is None


def test_a_replaced_provider_keeps_its_turn_and_loses_what_it_no_longer_has(hooks):
    hooks.add("a", {**render("a"), "title": str.upper})
    hooks.add("b", render("b"))
    hooks.replace("a", render("A"))
    assert hooks.chains.render("-") == ["-A", "-b"]
    assert hooks.chains.title("x") is None
    hooks.replace("a", {"title": str.lower}, Order(priority=1))
    assert hooks.chains.render("-") == ["-b"]
    assert hooks.chains.title("X") == "x"


def test_a_provider_takes_part_only_in_the_hooks_that_it_has(hooks):
    hooks.add("a", render("a"), Order(before=("b",)))
    hooks.add("b", {"title": lambda text: "b"}, Order(before=("a",)))
    assert hooks.chains.render("-") == ["-a"]
    assert hooks.chains.title("-") == "b"


def test_methods_that_are_no_hooks_are_passed_over(hooks):
    hooks.add("a", {"print": print, "anything": print})
    assert hooks.providers == ("a",)


def test_a_wrapper_is_named_so(hooks):
    def wraps(text):
        return ["<", *(yield), ">"]

    hooks.add("a", render("a"))
    hooks.add("b", {"render": wraps}, wrappers=["render"])
    assert hooks.chains.render("-") == ["<", "-a", ">"]


def test_what_is_left_out_is_reported_with_its_hook(shapes):
    reported = []
    contract = shapes.Contract({"render": shapes.Method(hook=shapes.Options(on_error="continue"))})
    hooks = Hooks(contract, asynchronous=False, report=lambda *what: reported.append(what))
    error = ValueError("no ink")

    def fails(text):
        raise error

    hooks.add("a", {"render": fails})
    assert hooks.chains.render("-") == []
    assert reported == [("render", "a", error)]


# What is refused changes nothing.


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda hooks: hooks.add("a", render("x")), r"^plugin a is among the hooks of page@1 already: replace it$"),
        (lambda hooks: hooks.remove("c"), r"^plugin c is not among the hooks of page@1 \(there: a, b\)$"),
        (lambda hooks: hooks.replace("c", render("x")), r"^plugin c is not among .* \(there: a, b\)$"),
        (lambda hooks: hooks.add("c", render("x"), Place(before=["a"], after=["b"])), "a before b before c before a"),
        (lambda hooks: hooks.replace("b", render("x"), Place(before=["a"], after=["a"])), "a before b before a"),
        (lambda hooks: hooks.add("c", render("x"), wrappers=["render"]), "wrapper of hook page@1.render is no gen"),
        (lambda hooks: hooks.add("c", {"title": str, "render": asyncio.sleep}), "page@1.render is `async def`"),
    ],
)
def test_a_change_that_is_refused_changes_nothing(hooks, change, says):
    hooks.add("a", render("a"))
    hooks.add("b", render("b"), Place(after=["a"]))
    with pytest.raises(UsageError, match=says):
        change(hooks)
    assert hooks.providers == ("a", "b")
    assert hooks.chains.render("-") == ["-a", "-b"]
    assert hooks.chains.title("-") is None


def test_who_is_there_is_none_where_there_is_nobody(hooks):
    with pytest.raises(UsageError, match=r"\(there: none\)"):
        hooks.remove("a")


# The object of the chains.


def test_a_saved_function_calls_those_who_are_there_now(hooks):
    saved = hooks.chains.render
    hooks.add("a", render("a"))
    assert saved is hooks.chains.render
    assert saved("-") == ["-a"]


def test_the_functions_are_the_hooks_as_declared(hooks):
    function = hooks.chains.render
    assert (function.__name__, function.__qualname__, function.__doc__) == (
        "render",
        "page@1.render",
        "Renders a page.",
    )
    assert str(inspect.signature(function)) == "(text)"
    assert hooks.chains.title.__doc__ is None


def test_a_method_that_is_no_hook_names_the_remedy(hooks):
    with pytest.raises(UnknownHook, match=r"^page@1\.print is a method, not a hook: declare it with @weft\.hook, or"):
        _ = hooks.chains.print


def test_an_unknown_attribute_lists_the_hooks(hooks, shapes):
    with pytest.raises(UsageError, match=r"^page@1 has no hook 'rendr' \(its hooks: render, title\)$"):
        _ = hooks.chains.rendr
    bare = Hooks(shapes.Contract({}), asynchronous=False, report=print).chains
    with pytest.raises(AttributeError, match=r"its hooks: none: declare a method with @weft\.hook"):
        _ = bare.render


def test_the_object_shows_its_hooks_and_behaves_as_an_object(hooks):
    assert dir(hooks.chains) == ["render", "title"]
    assert repr(hooks.chains) == "<hooks of page@1: render, title>"
    assert not hasattr(hooks.chains, "print")
    assert copy.copy(hooks.chains).render("-") == []


# A chain is swapped whole.


def test_a_call_under_way_goes_on_with_the_chain_that_it_began_with(run, contract):
    async def main():
        hooks = Hooks(contract, asynchronous=True, report=print)
        began, go_on = asyncio.Event(), asyncio.Event()

        async def waits(text):
            began.set()
            await go_on.wait()
            return "old a"

        async def old(text):
            return "old b"

        async def new(text):
            return "new"

        hooks.add("a", {"render": waits})
        hooks.add("b", {"render": old})
        under_way = asyncio.create_task(hooks.chains.render("-"))
        await began.wait()
        hooks.replace("a", {"render": new})
        hooks.remove("b")
        assert await hooks.chains.render("-") == ["new"]
        go_on.set()
        assert await under_way == ["old a", "old b"]

    run(main())


def test_a_provider_may_change_the_hooks_that_call_it(hooks):
    hooks.add("a", {"render": lambda text: hooks.remove("b")})
    hooks.add("b", render("b"))
    assert hooks.chains.render("-") == [None, "-b"]
    assert hooks.chains.render
    assert hooks.providers == ("a",)


def test_calls_in_several_threads_see_each_chain_whole_and_never_an_older_one(hooks):
    over = threading.Event()
    seen = [[], [], []]

    def answers(number):
        return {"render": lambda text: number}

    def call(mine):
        while not over.is_set():
            mine.append(hooks.chains.render("-"))

    hooks.add("a", render("a"))
    hooks.add("b", answers(0))
    threads = [threading.Thread(target=call, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 200):
            hooks.replace("b", answers(number))
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    for mine in seen:
        assert {first for first, _ in mine} <= {"-a"}
        numbers = [number for _, number in mine]
        assert numbers == sorted(numbers)
    assert hooks.chains.render("-") == ["-a", 199]


def test_changes_from_several_threads_are_all_kept(hooks):
    ready = threading.Barrier(8)

    def join(number):
        ready.wait(30)
        for each in range(10):
            hooks.add(f"p{number}-{each}", render(f"{number}-{each}"))

    threads = [threading.Thread(target=join, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(hooks.providers) == 80
    assert set(hooks.chains.render("p")) == set(hooks.providers)
