"""Chains by mode, by what happens on errors, synchronous and not, of any length."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from weft.errors import DeadlineExceeded, PluginError, UsageError
from weft.hooks import Hook, Implementation, compile_chain


def says(suffix, calls=None):
    """Answers its argument with ``suffix``; None stays None. ``calls`` keeps who was called with what."""

    def say(text):
        if calls is not None:
            calls.append((suffix, text))
        return None if suffix is None else text + suffix

    return say


def fails(text):
    raise PluginError("no ink", plugin="shop")


@pytest.mark.parametrize(
    ("mode", "suffixes", "result"),
    [
        ("collect", "", []),
        ("collect", ["a"], ["-a"]),
        ("collect", ["a", None, "c"], ["-a", None, "-c"]),
        ("first", "", None),
        ("first", [None], None),
        ("first", [None, "b", "c"], "-b"),
        ("pipeline", "", "-"),
        ("pipeline", ["a"], "-a"),
        ("pipeline", ["a", None, "c"], "-ac"),
        ("notify", "", None),
        ("notify", ["a", "b", "c"], None),
        ("collect", "abcdefghijklmnop", [f"-{letter}" for letter in "abcdefghijklmnop"]),
    ],
)
@pytest.mark.parametrize("on_error", ["fail", "continue"])
def test_a_mode_gives(chain, mode, suffixes, result, on_error):
    made = chain(*map(says, suffixes), mode=mode, on_error=on_error)
    assert made("-") == result
    assert made.reported == []


@pytest.mark.parametrize("on_error", ["fail", "continue"])
@pytest.mark.parametrize(
    ("mode", "called"),
    [
        ("collect", [("a", "-"), (None, "-"), ("c", "-")]),
        ("notify", [("a", "-"), (None, "-"), ("c", "-")]),
        ("pipeline", [("a", "-"), (None, "-a"), ("c", "-a")]),
        ("first", [("a", "-")]),
    ],
)
def test_everybody_is_called_in_order_with_what_the_mode_hands_on(chain, mode, called, on_error):
    calls = []
    chain(*(says(suffix, calls) for suffix in ("a", None, "c")), mode=mode, on_error=on_error)("-")
    assert calls == called


@pytest.mark.parametrize("nothing", [0, "", [], False])
def test_only_none_is_no_result(chain, nothing):
    assert chain(lambda text: nothing, says("b"), mode="first")("-") == nothing
    assert chain(lambda text: nothing, mode="pipeline")("-") == nothing


@pytest.mark.parametrize("mode", ["collect", "first", "pipeline", "notify"])
def test_fail_raises_at_once(chain, mode):
    calls = []
    made = chain(says(None, calls), fails, says("c", calls), mode=mode)
    with pytest.raises(PluginError, match="plugin shop: no ink"):
        made("-")
    assert calls == [(None, "-")]
    assert made.reported == []


@pytest.mark.parametrize(
    ("mode", "result"), [("collect", ["-a", "-c"]), ("first", "-a"), ("pipeline", "-ac"), ("notify", None)]
)
def test_continue_leaves_out_who_fails_and_reports_it(chain, mode, result):
    made = chain(fails, says("a"), fails, says("c"), mode=mode, on_error="continue")
    assert made("-") == result
    left_out = ["p0"] if mode == "first" else ["p0", "p2"]
    assert [(provider, str(error)) for provider, error in made.reported] == [
        (provider, "plugin shop: no ink") for provider in left_out
    ]


@pytest.mark.parametrize(("mode", "result"), [("collect", []), ("first", None), ("pipeline", "-"), ("notify", None)])
def test_a_chain_of_which_everybody_fails_is_as_an_empty_one(chain, mode, result):
    assert chain(fails, fails, mode=mode, on_error="continue")("-") == result


def test_what_is_no_exception_is_never_left_out(chain):
    def interrupts(text):
        raise KeyboardInterrupt

    made = chain(interrupts, mode="notify", on_error="continue")
    with pytest.raises(KeyboardInterrupt):
        made("-")
    assert made.reported == []


# The signature.


@pytest.fixture
def printing(shapes):
    """Parameters of every kind."""
    return (
        shapes.Parameter("text"),
        shapes.Parameter("width", required=False, default=80),
        shapes.Parameter("ink", keyword_only=True),
        shapes.Parameter("paper", keyword_only=True, required=False, default=["white"]),
    )


def test_a_chain_is_called_as_the_hook_is_declared(chain, printing):
    made = chain(lambda text, width, *, ink, paper: (text, width, ink, paper), parameters=printing)
    assert str(inspect.signature(made.function)) == "(text, width=80, *, ink, paper=['white'])"
    assert (made.function.__name__, made.function.__qualname__) == ("render", "page@1.render")
    assert made("a", ink="red") == [("a", 80, "red", ["white"])]
    assert made(width=1, text="b", ink="blue", paper=None) == [("b", 1, "blue", None)]
    with pytest.raises(TypeError, match=r"page@1\.render\(\) missing 1 required keyword-only argument: 'ink'"):
        made("a")


@pytest.mark.parametrize("name", ["Exception", "print", "results", "error", "_", "match", "self", "größe"])
@pytest.mark.parametrize("mode", ["collect", "first", "pipeline", "notify"])
def test_a_parameter_may_have_any_name(chain, shapes, name, mode):
    made = chain(fails, says("a"), parameters=(shapes.Parameter(name),), mode=mode, on_error="continue")
    assert made(**{name: "-"}) == {"collect": ["-a"], "first": "-a", "pipeline": "-a", "notify": None}[mode]


@pytest.mark.parametrize("name", ["", "if", "None", "a b", "a=print()", "a\n", "__report", "__debug__", "ﬁle", "1a"])
def test_what_cannot_be_a_name_is_refused(chain, shapes, name):
    with pytest.raises(UsageError, match=r"hook page@1\.render: .* cannot be a name here: rename it"):
        chain(parameters=(shapes.Parameter(name),))
    with pytest.raises(UsageError, match="cannot be a name here"):
        compile_chain(Hook("page@1", name), [], asynchronous=False, report=print)


def test_a_pipeline_hands_on_a_first_argument_that_is_keyword_only(chain, shapes):
    made = chain(lambda *, text: text + "a", mode="pipeline", parameters=(shapes.Parameter("text", keyword_only=True),))
    assert made(text="-") == "-a"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"mode": "all"}, "mode is one of collect, first, pipeline, notify, not 'all'"),
        ({"on_error": "ignore"}, "on_error is one of fail, continue, not 'ignore'"),
        ({"deadline": 0}, "a deadline is more than 0 seconds, not 0"),
        ({"deadline": float("nan")}, "a deadline is more than 0 seconds, not nan"),
        ({"mode": "pipeline"}, "a pipeline hands its first argument on, and this has none"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, says):
    with pytest.raises(UsageError, match=f"hook page@1.render: {says}"):
        Hook("page@1", "render", **options)


# Deadlines and cancellation.


def asynchronous(*calls, report=lambda provider, error: None, **options):
    given = [Implementation(f"p{at}", call) for at, call in enumerate(calls)]
    return compile_chain(Hook("page@1", "render", **options), given, asynchronous=True, report=report)


async def hangs():
    await asyncio.Event().wait()


async def answers():
    return "answer"


def test_a_missed_deadline_names_plugin_and_hook(run):
    chain = asynchronous(answers, hangs, deadline=0.01)
    with pytest.raises(DeadlineExceeded, match=r"plugin p1: hook page@1\.render: no result within 0\.01 s: give"):
        run(chain())


def test_a_missed_deadline_is_an_error_like_another(run):
    reported = []
    chain = asynchronous(hangs, answers, deadline=0.01, on_error="continue", report=lambda *what: reported.append(what))
    assert run(chain()) == ["answer"]
    assert [(provider, type(error)) for provider, error in reported] == [("p0", DeadlineExceeded)]


def test_each_implementation_has_the_whole_deadline(run):
    async def main():
        arrived = []
        chain = asynchronous(*[lambda: asyncio.sleep(0, arrived.append("here"))] * 3, deadline=60)
        assert await chain() == [None] * 3
        return arrived

    assert run(main()) == ["here"] * 3


def test_a_timeout_of_the_implementation_is_its_own(run):
    async def times_out():
        raise TimeoutError("the printer's")

    with pytest.raises(TimeoutError, match="the printer's"):
        run(asynchronous(times_out, deadline=60)())


@pytest.mark.parametrize("deadline", [None, 60])
def test_cancellation_of_the_caller_passes_through_at_once(run, deadline):
    async def main():
        began, reported, later = asyncio.Event(), [], []

        async def hangs():
            began.set()
            await asyncio.Event().wait()

        async def never():
            later.append("called")

        report = lambda *what: reported.append(what)  # noqa: E731
        chain = asynchronous(hangs, never, deadline=deadline, on_error="continue", report=report)
        caller = asyncio.create_task(chain())
        await began.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert (reported, later) == ([], [])

    run(main())


def test_one_implementation_is_over_before_the_next_begins(run):
    async def main():
        story = []

        def teller(name):
            async def tell():
                story.append(f"{name} begins")
                await asyncio.sleep(0)
                story.append(f"{name} ends")

            return tell

        await asynchronous(teller("a"), teller("b"), mode="notify")()
        return story

    assert run(main()) == ["a begins", "a ends", "b begins", "b ends"]


# What a chain cannot call.


def refused(call, *, wrapper=False, is_asynchronous=False, **options):
    given = [Implementation("shop", call, wrapper)]
    with pytest.raises(UsageError) as caught:
        compile_chain(Hook("page@1", "render", **options), given, asynchronous=is_asynchronous, report=print)
    return str(caught.value)


def test_a_synchronous_chain_takes_plain_functions_only():
    assert refused(answers) == (
        "plugin shop: its hook page@1.render is `async def`, and the chain is synchronous: make it `def`"
    )


def test_a_synchronous_chain_keeps_no_deadline():
    assert "a synchronous chain cannot keep a deadline" in refused(print, deadline=1)


@pytest.mark.parametrize("is_asynchronous", [False, True])
def test_a_wrapper_is_a_generator_function(is_asynchronous):
    async def yields():
        yield

    for call in (print, answers, yields):
        text = refused(call, wrapper=True, is_asynchronous=is_asynchronous)
        assert text.startswith("plugin shop: its wrapper of hook page@1.render is no generator function")
