"""What the filter of system calls says to each call: run step by step, as the kernel runs it."""

from __future__ import annotations

import itertools
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.sandbox.filter import (
    ABSENT,
    ALLOW,
    ARCHITECTURES,
    ENOSYS,
    FAMILIES,
    KILL,
    REFUSED,
    SHARED,
    Scope,
    family_name,
    program,
    refuse,
)
from weft.sandbox.kernel import NUMBERS
from weft.sandbox.seccomp import name_of

REFUSAL = refuse(99)
MACHINES = sorted(ARCHITECTURES)
SCOPES = [
    Scope(network, ports, memory_files, outside)
    for network, ports, memory_files, outside in itertools.product(FAMILIES, *[(False, True)] * 3)
]
PROGRAMS = {
    (machine, scope): [
        struct.unpack_from("=HBBI", code, at)
        for code in [program(machine, NUMBERS[machine], scope, REFUSAL)]
        for at in range(0, len(code), 8)
    ]
    for machine in MACHINES
    for scope in SCOPES
}


def verdict(steps, number, arch, args):
    """See bpf(4) of BSD, which the kernel's filter.rst refers to: one register, jumps forward only."""
    data = struct.pack("=iIQ6Q", number, arch, 0, *args)
    register, at = 0, 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        if code == 0x20:
            (register,) = struct.unpack_from("=I", data, operand)
        elif code == 0x06:
            return operand
        elif code == 0x15:
            at += if_true if register == operand else if_false
        else:
            assert code == 0x45
            at += if_true if register & operand else if_false


def ask(machine, scope, call, *args):
    number = NUMBERS[machine][call] if isinstance(call, str) else call
    args = (*args, 0, 0, 0, 0, 0, 0)[:6]
    return verdict(PROGRAMS[machine, scope], number, ARCHITECTURES[machine], args)


machines = st.sampled_from(MACHINES)
scopes = st.sampled_from(SCOPES)
words = st.integers(0, 2**64 - 1)
arguments = st.lists(words | st.integers(0, 64), min_size=6, max_size=6)


@given(machines, scopes, st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1), arguments)
def test_every_call_has_a_verdict(machine, scope, number, arch, args):
    found = verdict(PROGRAMS[machine, scope], number, arch, args)
    assert found in (ALLOW, KILL, REFUSAL, refuse(ENOSYS))
    assert (found == KILL) == (arch != ARCHITECTURES[machine])


@given(machines, scopes, arguments)
def test_a_call_that_no_plugin_needs_is_refused_whatever_its_arguments(machine, scope, args):
    numbers = NUMBERS[machine]
    for name in REFUSED:
        if name in numbers:
            assert ask(machine, scope, name, *args) == REFUSAL, name
    for name in ABSENT:
        assert ask(machine, scope, name, *args) == refuse(ENOSYS), name
    for name in SHARED:
        assert ask(machine, scope, name, *args) == (REFUSAL if scope.outside else ALLOW), name


@given(machines, scopes, st.integers(0, 0x3FFFFFFF), arguments)
def test_a_call_that_is_not_named_is_allowed(machine, scope, number, args):
    if number not in NUMBERS[machine].values():
        assert ask(machine, scope, number, *args) == ALLOW


@given(scopes, st.integers(0x40000000, 0x7FFFFFFF), arguments)
def test_calls_of_x32_are_refused(scope, number, args):
    assert ask("x86_64", scope, number, *args) == REFUSAL


@given(machines, scopes, st.sampled_from(["socket", "socketpair"]), words)
def test_only_families_of_the_network_that_was_given(machine, scope, call, family):
    allowed = family & 0xFFFFFFFF in FAMILIES[scope.network]
    assert ask(machine, scope, call, family, 1, 0) == (ALLOW if allowed else REFUSAL)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_no_way_to_connect_passes_narrowed_ports(machine, scope):
    narrowed = REFUSAL if scope.ports else ALLOW
    if scope.network != "none":
        assert ask(machine, scope, "socket", 2, 1, 6) == ALLOW
        assert ask(machine, scope, "socket", 10, 1, 262) == narrowed
        assert ask(machine, scope, "socket", 2, 1, 256) == narrowed
    assert ask(machine, scope, "sendto", 3, 0, 0, 0x20000000 | 0x4000) == narrowed
    assert ask(machine, scope, "sendmsg", 3, 0, 0x20000000) == narrowed
    assert ask(machine, scope, "sendmmsg", 3, 0, 1, 0x20000000) == narrowed
    for call, at in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
        assert ask(machine, scope, call, *[0] * at, 0x4000) == ALLOW


NEW = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)


@given(machines, scopes, st.integers(0, 0xFFFF), st.sampled_from(NEW), words)
def test_clone_makes_threads_and_processes_and_no_namespaces(machine, scope, flags, namespace, high):
    flags &= ~0x80
    assert ask(machine, scope, "clone", flags | high << 32 & 2**64 - 1) == ALLOW
    assert ask(machine, scope, "clone", (flags | namespace | high << 32) & 2**64 - 1) == REFUSAL


@given(machines, scopes, st.integers(0, 2**32 - 1), words)
def test_nothing_is_typed_into_a_terminal(machine, scope, high, descriptor):
    for request, expected in ((0x5412, REFUSAL), (0x541C, REFUSAL), (0x5401, ALLOW)):
        assert ask(machine, scope, "ioctl", descriptor, request | high << 32) == expected


@given(machines, scopes, st.integers(0, 2**32 - 1))
def test_a_personality_is_asked_and_not_changed(machine, scope, persona):
    assert ask(machine, scope, "personality", persona) == (ALLOW if persona in (0, 0xFFFFFFFF) else REFUSAL)


@given(machines, scopes, st.integers(0, 31))
def test_files_in_memory_that_could_be_executed(machine, scope, flags):
    sealed = flags & 0x8 and not flags & 0x14
    assert ask(machine, scope, "memfd_create", 0, flags) == (ALLOW if scope.memory_files or sealed else REFUSAL)


@given(machines, scopes, st.integers(1, 2**31), arguments)
def test_limits_and_priorities_of_others_are_theirs_where_they_are_in_reach(machine, scope, process, args):
    others = REFUSAL if scope.outside else ALLOW
    for call in ("prlimit64", "sched_setscheduler", "sched_setparam", "sched_setattr", "sched_setaffinity"):
        assert ask(machine, scope, call, process, *args) == others
        assert ask(machine, scope, call, 0, *args) == ALLOW
    for call, own in (("setpriority", 0), ("ioprio_set", 1)):
        assert ask(machine, scope, call, own, process, 1) == others
        assert ask(machine, scope, call, own + 1, 0, 1) == others
        assert ask(machine, scope, call, own, 0, 1) == ALLOW


@given(st.lists(words, min_size=200, max_size=200))
def test_what_is_refused_has_few_names(numbers):
    assert len({family_name(number & 0xFFFFFFFF) for number in [*numbers, *range(100)]}) <= 65
    assert len({name_of(number) for number in numbers if number > 1000}) <= 1
    assert name_of(1 << 30) == name_of(1 << 30 | 39) != name_of(101)
    assert (family_name(2), family_name(99)) == ("AF_INET", "no known family")


HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_those_of_the_kernels_headers(machine):
    header = next((Path(each) for each in HEADERS[machine] if Path(each).exists()), None)
    if header is None:
        pytest.skip(f"no headers of the kernel for {machine} (linux-libc-dev has them)")
    lines = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    known = {name: int(number) for name, number in lines}
    wrong = {name: number for name, number in NUMBERS[machine].items() if known.get(name, number) != number}
    assert not wrong
    assert {"ptrace", "mount", "socket", "clone"} <= set(NUMBERS[machine]) & set(known)
