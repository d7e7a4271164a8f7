"""Confines this process for good, before any code of a plugin runs in it; says what is enforced, and how.

A *policy* is plain data that its host worked out (see rules.py): ``system``, ``read``, ``write``, ``run``, ``devices``
(paths, but for ``system`` without links in them), ``shown`` (those of them, and Unix sockets that it may see, that are
to be there again in the places that mounts.py hides) and ``links`` (by which these are also named), ``network``
(``none``, ``loopback``, ``outbound``), ``ports``; ``open_files`` and ``file_bytes`` are left to who confines itself
(privileges.limit).
"""

from __future__ import annotations

import os
from typing import Any, Callable, Mapping, Optional, Tuple

from weft.sandbox import landlock, namespaces, privileges, seccomp
from weft.sandbox.filter import Scope
from weft.sandbox.kernel import LINUX
from weft.sandbox.level import NOT, PARTLY, Report, whole

_OWN_PROC = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/uptime",
             "/proc/version", "/proc/filesystems", "/proc/sys/kernel/osrelease", "/proc/sys/kernel/ostype",
             "/proc/sys/vm/overcommit_memory")  # fmt: skip
"""What is readable of a ``/proc`` in which other processes are seen, too."""

Policy = Mapping[str, Any]


def confine(policy: Policy, outside: str) -> Tuple[Report, Optional[int]]:
    """Apply ``policy``. ``outside``: why this process is in no namespaces of its own; '' where it is.

    Returns the report (see level.py), and the listener for refused system calls where there is one. What the kernel
    cannot do is in the report; OSError is raised where nothing could be made of it at all.
    """
    if not LINUX:
        why = NOT + "this system has no sandbox that Weft knows"
        return dict.fromkeys(("files", "exec", "network", "signals", "system calls"), why), None
    abi = landlock.version()
    memory_files = namespaces.forbids_programs_in_memory()
    privileges.give_up()
    report = _told(lambda: _files(policy, abi, outside), "files", "exec")
    report["signals"] = _signals(abi, outside)
    scope = Scope(policy["network"], bool(policy["ports"]), memory_files, bool(outside))
    listener, report["system calls"] = _calls(scope)
    report["network"] = _network(policy, abi, outside, filtered=not report["system calls"].startswith(NOT))
    _prove(report, policy)
    return report, listener


def _prove(report: Report, policy: Policy) -> None:
    """Try what is to be refused: a report says nothing that this process has not seen."""
    if whole(report["files"]) and "/" not in (*policy["read"], *policy["write"]):
        try:
            os.close(os.open("/", os.O_RDONLY))
            report["files"] = report["exec"] = f"{NOT}rules are in force, and yet all can be read"
        except PermissionError:
            pass  # as it is to be
    with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
        told = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    if whole(report["system calls"]) and (told["Seccomp"], told["NoNewPrivs"], int(told["CapEff"], 16)) != (
        "2",
        "1",
        0,
    ):
        report["system calls"] = f"{NOT}this process still has privileges"


def _told(step: Callable[[], Report], *protections: str) -> Report:
    try:
        return step()
    except OSError as error:
        return dict.fromkeys(protections, f"{NOT}{error}")


def _files(policy: Policy, abi: int, outside: str) -> Report:
    if not abi:
        why = f"{NOT}this kernel has no Landlock, or it is switched off"
        return {"files": why, "exec": why}
    rules = landlock.Ruleset(abi, ports=bool(policy["ports"]))
    try:
        rules.allow(policy["system"], landlock.READ, links=True)
        rules.allow(_OWN_PROC if outside else ("/proc",), landlock.READ, links=True)
        rules.allow(policy["read"], landlock.READ)
        rules.allow(policy["run"], landlock.RUN)
        rules.allow(policy["write"], landlock.write_rights(abi))
        rules.allow(policy["devices"], landlock.READ | landlock.WRITE_FILE)
        if not outside:
            rules.allow(["/dev/shm"], landlock.write_rights(abi))  # noqa: S108 - it is its own
        if abi >= landlock.PORTS:
            for port in policy["ports"]:
                rules.allow_port(port)
        rules.enforce()
    finally:
        rules.close()
    return {"files": _how_files(abi, outside), "exec": f"Landlock {abi}"}


def _how_files(abi: int, outside: str) -> str:
    if abi < landlock.TRUNCATION:
        return f"{PARTLY}Landlock {abi} does not refuse to truncate files (Linux 6.2 does)"
    if outside:
        return (
            f"{PARTLY}Landlock {abi}; the user's sockets, and owners and modes of its files, are in reach ({outside})"
        )
    return f"Landlock {abi}, read-only mounts"


def _signals(abi: int, outside: str) -> str:
    ways = [f"Landlock {abi}"] if abi >= landlock.SCOPES else []
    ways += [] if outside else ["process ids of its own"]
    return ", ".join(ways) or f"{NOT}Landlock {abi} has no scopes (Linux 6.12 has), and {outside}"


def _calls(scope: Scope) -> Tuple[Optional[int], str]:
    try:
        listener = seccomp.install(scope)
    except OSError as error:
        return None, f"{NOT}{error}"
    return listener, "seccomp" if listener is not None else "seccomp, without telling what is refused"


def _network(policy: Policy, abi: int, outside: str, *, filtered: bool) -> str:
    how = _how_network(policy, abi, outside, filtered=filtered)
    if how.startswith(NOT) or policy["network"] == "loopback" or abi >= landlock.SCOPES:
        return how
    return f"{PARTLY}{how}; abstract Unix sockets of others are in reach (Linux 6.12 withholds them)"


def _how_network(policy: Policy, abi: int, outside: str, *, filtered: bool) -> str:
    wanted = policy["network"]
    if wanted == "loopback":
        return f"{NOT}{outside}" if outside else "a loopback of its own"
    if wanted == "none":
        return "seccomp: no sockets but Unix ones" if filtered else f"{NOT}system calls cannot be filtered"
    if policy["ports"]:
        if abi < landlock.PORTS:
            return f"{NOT}Landlock {abi} knows no ports (Linux 6.7 does)"
        ports = f"Landlock {abi}: TCP ports {', '.join(map(str, policy['ports']))}"
        return ports if filtered else f"{PARTLY}{ports}; MPTCP and TCP Fast Open pass it where calls are not filtered"
    return "outbound is allowed"
