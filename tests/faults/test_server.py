"""What an operator does fails at each of its steps, or the server is killed there: it is done whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx
import pytest
from operated import Operated, Seen, done

PERMISSIONS = ["network=outbound"]
EXPECTED = {"StorageFailed", "StartFailed", "EnvironmentFailed", "PackageError", "ManifestError"}
"""Errors that say what the machine did not let be done."""


@dataclass(frozen=True)
class Operation:
    """``before`` brings about where it begins; ``goal``: whether it has been done, from what was seen before it."""

    before: Callable[[Operated], None]
    act: Callable[[Operated], httpx.Response]
    goal: Callable[[Seen, Seen], bool]


def number(seen):
    return seen.stored["shop"][0]


OPERATIONS = {
    "deploy": Operation(
        lambda its: its.have_none("shop"),
        lambda its: its.deploy("shop", its.new_word()),
        lambda before, after: "shop" in after.stored,
    ),
    "upgrade": Operation(
        lambda its: its.have("shop"),
        lambda its: its.deploy("shop", its.new_word()),
        lambda before, after: number(after) > number(before) and after.words != before.words,
    ),
    "rollback": Operation(
        lambda its: (its.have("shop", releases=3), its.deploy("shop", its.new_word())),
        lambda its: its.post("shop/rollback"),
        lambda before, after: number(after) < number(before) and after.words != before.words,
    ),
    "restart": Operation(
        lambda its: its.have("shop"),
        lambda its: its.post("shop/restart"),
        lambda before, after: after.stored == before.stored and after.answers != before.answers,
    ),
    "grant": Operation(
        lambda its: its.have("shop", grants=False),
        lambda its: its.post("shop/grant", permissions=PERMISSIONS),
        lambda before, after: bool(after.stored["shop"][3]),
    ),
    "revoke": Operation(
        lambda its: its.have("shop", grants=True),
        lambda its: its.post("shop/revoke", permissions=PERMISSIONS),
        lambda before, after: not after.stored["shop"][3],
    ),
    "disable": Operation(
        lambda its: its.have("shop"),
        lambda its: its.post("shop/disable"),
        lambda before, after: not after.stored["shop"][2],
    ),
    "enable": Operation(
        lambda its: its.have("shop", enabled=False),
        lambda its: its.post("shop/enable"),
        lambda before, after: after.stored["shop"][2],
    ),
    "purge": Operation(
        lambda its: (its.have("shop"), its.ask("shop", "/keep")),
        lambda its: its.remove("shop", purge=True),
        lambda before, after: "shop" not in after.stored,
    ),
}


def steps_of(its, operation):
    """Those that it takes when nothing fails, the second time: what is made once is there then."""
    for _ in range(2):
        operation.before(its)
        before = its.seen()
        with its.faults.recording() as steps:
            done(operation.act(its))
            after = its.seen()
        its.check(after)
        assert operation.goal(before, after)
    return steps, its.descriptors()


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("lasting", [False, True])
def test_what_fails_at_a_step_has_changed_nothing(operated, some, lasting):
    its = operated
    its.have("other")
    for name, operation in OPERATIONS.items():
        steps, descriptors = steps_of(its, operation)
        for step in some(steps, 3):
            with naming(name, step):
                descriptors = fail(its, operation, step, descriptors, lasting=lasting)
    its.server.stop()
    its.start()
    its.check(its.seen())


def fail(its, operation, step, descriptors, *, lasting):
    """One round of it; gives the descriptors that the server may have open from now on."""
    operation.before(its)
    before = its.seen()
    with its.faults.failing(step, lasting=lasting):
        answer = operation.act(its)
        its.rest()
    after = its.seen()
    if answer.status_code >= 300 and not told_done(answer):
        assert after == before, answer.text
        assert answer.json()["error"]["type"] in EXPECTED
        its.check(after, of_no_moment=True)
        done(operation.act(its))
        after = its.seen()
    assert operation.goal(before, after), answer.text
    its.check(after, of_no_moment=True)
    if "cannot be run" in answer.text:  # uvloop leaves its pipes open when a program cannot be started
        descriptors = its.descriptors()
    its.check_descriptors(descriptors)
    return descriptors


@pytest.mark.timeout(7200)
def test_a_server_that_is_killed_at_a_step_comes_back_whole(operated, some):
    its = operated
    its.have("other")
    for name, operation in OPERATIONS.items():
        for step in some(steps_of(its, operation)[0], 1):
            with naming(name, step):
                kill(its, operation, step)


def kill(its, operation, step):
    operation.before(its)
    before = its.seen()
    with its.faults.killing(step) as order, suppress(httpx.TransportError):
        operation.act(its)
        its.rest()
    if order.met:
        its.server.process.wait(10)
        its.start()
    after = its.seen()
    its.check(after)
    if not operation.goal(before, after):
        assert (after.stored, after.words) == (before.stored, before.words)
        done(operation.act(its))
        its.check(its.seen())


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("killed", [False, True])
def test_a_start_that_fails_at_a_step_loses_nothing(operated, some, killed):
    its = operated
    its.have("other")
    its.have("shop", releases=2)
    its.have("idle", enabled=False)
    before = its.seen()
    its.server.stop()
    with its.faults.recording() as steps:
        its.start()
        its.rest()
    for step in some(steps, 2):
        its.server.stop()
        with its.faults.killing(step) if killed else its.faults.failing(step) as order:
            started = its.try_to_start()
        if killed and order.met:  # it may have been ready before
            its.server.process.wait(10)
            started = False
        with naming("start", step):
            if started:
                its.check_listed(before)
                its.server.stop()
            its.start()
            after = its.seen()
            assert (after.stored, after.words) == (before.stored, before.words)
            its.check(after)


def told_done(answer):
    """Whether it says that it did what it was asked, and could not clean up."""
    return "which is removed itself" in answer.text


@contextmanager
def naming(name, step):
    """Whatever fails within says at which step of what."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"at a step of {name}: {step}")
        raise
