"""``python -m weft.testing.conformance``, as people run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from weft.sdk.storage import BUILT_IN

PLUGINS = Path(__file__).parents[1] / "plugins"
CONTRACTS = """
from typing import Protocol
import weft

@weft.contract
class Scale(Protocol):
    unit: str
    async def weigh(self, grams: int, *, tare: int = 0) -> float: ...
    async def twice(self, grams: int) -> int:
        return 2 * grams
"""
SCALE = """
# /// script
# [tool.weft]
# provides = ["scale"]
# ///
class Plugin:
    unit = "g"
    def weigh(self, grams: int, *, tare: int = 0) -> float:
        return float(grams - tare)
"""
LEAVES_ONE = (
    SCALE
    + """
    def __init__(self):
        import subprocess, sys
        code = "import signal, time; signal.signal(signal.SIGHUP, signal.SIG_IGN); time.sleep(600)"
        self.child = subprocess.Popen([sys.executable, "-c", code])

    async def stop(self):
        raise RuntimeError("no")
"""
)


@pytest.fixture
def examined(tmp_path):
    """``examined(text, *arguments, code=0)``: what is printed of a plugin of that text."""
    (tmp_path / "host.py").write_text(CONTRACTS)

    def run(text, *arguments, code=0):
        (tmp_path / "scale.py").write_text(text)
        command = [sys.executable, "-m", "weft.testing.conformance", "scale.py", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_a_plugin_that_keeps_its_word(examined):
    said = examined(SCALE, "--contracts", "host")
    assert "FAIL" not in said
    assert "scale 0.0.0 (process)" in said
    assert "scale@1 unit" in said
    assert "(grams: int, *, tare: int = 0) -> float" in said
    assert "the contract's own body runs" in said
    for what in ("answers when idle", "stops", "leaves no process"):
        assert f"ok    {what}" in said


def test_without_the_hosts_contracts_it_says_so(examined):
    assert "--contracts MODULE names the host's" in examined(SCALE)


def test_a_plugin_that_does_not_fit_fails_with_both_sides(examined):
    said = examined(SCALE.replace("grams: int, *", "grams: str, *"), "--contracts", "host", "--json", code=1)
    report = json.loads(said)
    assert not report["well"]
    (finding,) = report["findings"]
    assert (finding["what"], finding["well"]) == ("starts", False)
    assert "grams: int" in finding["found"]
    assert "grams: str" in finding["found"]


def test_a_plugin_that_does_not_stop_as_it_should_fails_and_leaves_nothing(examined):
    said = examined(LEAVES_ONE, "--contracts", "host", code=1)
    assert "FAIL  stops" in said
    assert "ok    leaves no process" in said


def test_each_storage_of_a_plugin_is_looked_at(examined):
    text = BUILT_IN.read_text().replace("inline", "process")
    assert "storage#file@1 a source is asked once" in examined(text)
    refused = examined(text, "--config", '{"memory": {"size": 1}}', code=1)
    assert "component 'memory' of storage@1: its factory raised UsageError: size: no such setting" in refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--contracts", "nowhere"], "No module named 'nowhere'"),
        (["--contracts", "json"], "it declares none"),
        (["--what"], "unrecognized arguments: --what"),
        (["--config", "{"], "argument --config: it is no JSON"),
        (["--config", "[]"], "argument --config: expected an object"),
    ],
)
def test_wrong_usage_exits_2_and_says_why(examined, arguments, words):
    assert words in examined(SCALE, *arguments, code=2)
