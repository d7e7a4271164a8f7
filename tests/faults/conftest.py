"""Programs whose every step can fail, or be their last."""

from __future__ import annotations

import os
import random

import pytest
from operated import Operated

from faults import CannotInject, Faults

ALL = os.environ.get("WEFT_FAULTS") == "all"
"""Whether each step is tried; else as many as there is time for, others in each place of the program."""


@pytest.fixture
def some():
    """``some(steps, most)``: of these, in their order, at random (with a fixed seed): rather one for each place."""

    def choose(steps, most):
        if ALL or len(steps) <= most:
            return list(steps)
        chooser = random.Random(len(steps))
        mixed = chooser.sample(steps, len(steps))
        chosen = sorted(mixed, key=lambda step: step.nth)[:most]
        return [step for step in steps if step in chosen]

    return choose


@pytest.fixture
def faults(tmp_path):
    """Of programs that work in the test's folder; the machine may lack what it takes."""
    faults = Faults(tmp_path)
    try:
        faults.popen(["/bin/true"]).wait(10)
    except CannotInject as error:
        text = f"no faults can be injected here: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(text, pytrace=False)
        pytest.skip(text)
    return faults


@pytest.fixture
def operated(faults, tmp_path, weft_server):
    """A server that runs under ``faults``."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    def start():
        return weft_server(spawn=faults.popen, env={"TMPDIR": str(temporary)})

    subject = Operated(faults, start, temporary)
    yield subject
    subject.close()
