"""Plugins that try to escape (tests/plugins/escapes): of this user and of an ordinary one, with namespaces or not."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

RunAs = Callable[[tuple[str, bool], str, dict[str, Any]], dict[str, Any]]
ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "tests/plugins/escapes"
RUNS = (
    "reads", "writes", "processes", "memory", "executes", "calls", "descriptors",
    "network:none", "network:loopback", "network:ports", "network:outbound",
)  # fmt: skip
"""Themes, and with which network."""
OWN_SOCKETS = {"own_pair", "own_socket_in_its_data"}
TCP = {
    "tcp", "tcp_6", "tcp_on_several_paths", "tcp_with_data_at_once", "tcp_with_a_message_at_once",
    "tcp_with_messages_at_once", "allowed_port", "own_loopback",
}  # fmt: skip
OUTBOUND = {*TCP, *OWN_SOCKETS, "udp", "netlink"}
ALLOWED = {
    "executes": {"own_interpreter", "itself"},
    "network:none": OWN_SOCKETS,
    "network:loopback": OWN_SOCKETS | {"own_loopback", "netlink"},
    "network:ports": OWN_SOCKETS | {"allowed_port", "netlink", "udp"},
    "network:outbound": OUTBOUND,
}
"""What is not refused, and need not be."""
REFUSALS = (
    "PermissionError", "FileNotFoundError", "ProcessLookupError", "ChildProcessError", "ConnectionRefusedError",
    "CalledProcessError", "OSError", "gaierror", "ValueError: not allowed to raise maximum limit",
    "lost: plugin processes",  # it has ended itself, with everybody whom it may end
)  # fmt: skip
OUTSIDE = {
    "reads": {"by_a_socket_of_the_same_user"},
    "writes": {"mode", "owner", "times", "attribute", "flags_of_its_own_code", "mode_of_its_own_code"},
    "network:loopback": OUTBOUND,
}
"""What is not refused besides, where there are no namespaces, as the report says."""


def attempts_of(run: str) -> list[str]:
    """The names of the attempts in a plugin's file."""
    module = ast.parse((PLUGINS / f"{run.partition(':')[0]}.py").read_text())
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    return [each.name for each in functions if not each.args.args and not each.name.startswith("_")]


@cache
def attempt(situation: tuple[str, bool], run_as: RunAs) -> dict[str, Any]:
    """What tests/sandbox/attempting.py found."""
    order = {"plugins": str(PLUGINS), "attempts": {run: attempts_of(run) for run in RUNS}}
    return run_as(situation, "attempting.py", order)


Check = Callable[[str], tuple[dict[str, Any], dict[str, str]]]


@pytest.fixture
def found(situation: tuple[str, bool], run_as: RunAs) -> Check:
    """``found(run)``: attempt → (done, text, harm), and how each protection was enforced."""
    user, namespaces = situation
    result = attempt(situation, run_as)

    def check(run: str) -> tuple[dict[str, Any], dict[str, str]]:
        report: dict[str, str] = result["report"][run]
        lacks = [f"{name} {how}" for name, how in report.items() if how.startswith(("not", "partly")) and namespaces]
        if lacks:
            must = os.environ.get("CI") == "true" and user == "own" and os.geteuid() == 0
            (pytest.fail if must else pytest.skip)(f"this machine does not protect: {'; '.join(lacks)}")
        return result["found"][run], report

    return check


@pytest.mark.parametrize("run", RUNS)
def test_every_attempt_is_refused(situation: tuple[str, bool], found: Check, run: str) -> None:
    attempts, report = found(run)
    assert list(attempts) == attempts_of(run)
    expected = ALLOWED.get(run, set())
    if not situation[1]:
        expected = expected | OUTSIDE.get(run, set())
        assert report["files"].startswith("partly: "), report
    odd = {name: text for name, (done, text, _) in attempts.items() if not done and not text.startswith(REFUSALS)}
    assert not odd, "failed for a reason of their own"
    got = {name: text for name, (done, text, _) in attempts.items() if done}
    assert set(got) == expected, (got, {name: attempts[name] for name in expected - set(got)})


@pytest.mark.parametrize("run", RUNS)
def test_no_attempt_harms_the_host_or_its_user(situation: tuple[str, bool], found: Check, run: str) -> None:
    attempts, _ = found(run)
    harmed = {name for name, (_, _, harm) in attempts.items() if harm}
    assert harmed <= (set() if situation[1] else OUTSIDE.get(run, set()))


TOLD = {
    "writes": {"fcntl"},
    "processes": {"ptrace", "process_vm_readv", "process_vm_writev", "kcmp"},
    "calls": {"mount", "unshare", "setns", "clone", "keyctl", "bpf", "userfaultfd", "perf_event_open", "personality",
              "ioctl", "reboot", "a call of another convention (x32)", "socket of no known family"},
    "network:none": {"socket of AF_INET", "socket of AF_INET6", "socket of AF_NETLINK", "socket of AF_VSOCK"},
    "network:ports": {"socket of AF_INET", "sendto", "sendmsg", "sendmmsg"},
}  # fmt: skip


@pytest.mark.parametrize("run", TOLD)
def test_what_the_kernel_refused_is_told_by_name_and_in_few_words(
    situation: tuple[str, bool], found: Check, run_as: RunAs, run: str
) -> None:
    found(run)
    result = attempt(situation, run_as)
    calls = result["refused"][run]
    expected = TOLD[run] - (set() if situation[1] else {"unshare"})  # that the machine refuses itself, before
    assert expected <= set(calls)
    if run == "calls":
        assert calls["socket of no known family"] == 3000
        assert result["events"][run] < 100
