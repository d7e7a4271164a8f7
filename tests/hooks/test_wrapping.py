"""Wrappers around chains, synchronous and not: what they see, what they change, and how they go wrong."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from weft.errors import PluginError
from weft.hooks import Hook, Implementation, compile_chain


def plain(text):
    return text


def fails(text):
    raise PluginError("no ink", plugin="shop")


def telling(name, story):
    def tell(text):
        story.append(f"{name} in {text}")
        result = yield
        story.append(f"{name} out {result}")
        return [*result, name]

    return tell


def test_the_first_wrapper_is_outermost_and_each_passes_a_result_on(chain):
    story = []
    assert chain(telling("a", story), plain, telling("b", story))("-") == ["-", "b", "a"]
    assert story == ["a in -", "b in -", "b out ['-']", "a out ['-', 'b']"]


@pytest.mark.parametrize(("mode", "result"), [("collect", []), ("first", None), ("pipeline", "-"), ("notify", None)])
def test_a_wrapper_may_surround_nothing(chain, mode, result):
    def wraps(text):
        return (yield), text

    assert chain(wraps, mode=mode)("-") == (result, "-")


def test_a_wrapper_gets_arguments_as_the_hook_declares_them(chain, shapes):
    def wraps(text, width, *, ink):
        return [*(yield), (text, width, ink)]

    made = chain(
        wraps,
        parameters=(
            shapes.Parameter("text"),
            shapes.Parameter("width", required=False, default=80),
            shapes.Parameter("ink", keyword_only=True),
        ),
    )
    assert made(text="-", ink="red") == [("-", 80, "red")]


def test_an_error_of_the_chain_is_thrown_in_and_passes_on(chain):
    seen = []

    def wraps(text):
        try:
            return (yield)
        except PluginError as error:
            seen.append(error.message)
            raise

    with pytest.raises(PluginError, match="plugin shop: no ink"):
        chain(wraps, fails)("-")
    assert seen == ["no ink"]


@pytest.mark.parametrize("on_error", ["fail", "continue"])
def test_a_wrapper_may_give_a_result_in_place_of_an_error_or_another_error(chain, on_error):
    def interrupted(text):
        yield
        raise AssertionError("not reached")

    def answers(text):
        try:
            return (yield)
        except PluginError as error:
            return error.message

    def translates(text):
        try:
            return (yield)
        except PluginError as error:
            raise ValueError("translated") from error

    assert chain(answers, fails)("-") == "no ink"
    with pytest.raises(ValueError, match="translated"):
        chain(translates, fails)("-")


def test_a_wrapper_that_fails_before_its_yield_is_seen_by_those_around_it(chain):
    seen = []

    def around(text):
        try:
            return (yield)
        except ValueError as error:
            seen.append(str(error))
            raise

    def broken(text):
        raise ValueError("broken")
        yield

    with pytest.raises(ValueError, match="broken"):
        chain(around, broken, plain)("-")
    assert seen == ["broken"]


def ends_early(text):
    if text is None:
        yield


def yields_twice(text):
    try:
        yield
    finally:
        yield


def yields_when_closed(text):
    try:
        with suppress(PluginError):
            yield
        yield
    finally:
        yield


@pytest.mark.parametrize("inner", [plain, fails])
@pytest.mark.parametrize(
    ("wrapper", "did"),
    [
        (ends_early, "did not yield"),
        (yields_twice, "yielded a second time"),
        (yields_when_closed, "yielded a second time"),
    ],
)
def test_a_wrapper_yields_exactly_once(chain, wrapper, did, inner):
    with pytest.raises(PluginError, match=rf"^plugin p0: its wrapper of hook page@1\.render {did}: ") as caught:
        chain(wrapper, inner)("-")
    assert caught.value.plugin == "p0"


def breaks_before(text):
    raise ValueError("broken")
    yield


def breaks_after(text):
    yield
    raise ValueError("broken")


@pytest.mark.parametrize("wrapper", [ends_early, yields_twice, breaks_before, breaks_after])
def test_continue_leaves_out_a_wrapper_that_fails(chain, wrapper):
    made = chain(telling("a", []), wrapper, plain, on_error="continue")
    assert made("-") == ["-", "a"]
    assert [provider for provider, _ in made.reported] == ["p1"]


def test_a_wrapper_never_keeps_cancellation(run):
    async def main():
        began, story = asyncio.Event(), []

        async def hangs():
            began.set()
            await asyncio.Event().wait()

        def swallows():
            try:
                yield
            except asyncio.CancelledError:
                story.append("told")
            return "swallowed"

        given = [Implementation("a", swallows, wrapper=True), Implementation("b", hangs)]
        chain = compile_chain(Hook("page@1", "render"), given, asynchronous=True, report=print)
        caller = asyncio.create_task(chain())
        await began.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        return story

    assert run(main()) == ["told"]
