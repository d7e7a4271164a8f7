"""What an arriving plugin may have: what it asks, against the operator's ceiling and its own grants. Pure.

Only what a manifest sets itself is judged; what it leaves open is clamped to the ceiling, so that a policy tighter
than the defaults binds plugins that say nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from weft.errors import Refused, UsageError
from weft.manifest import values
from weft.manifest.keys import KEYS, LIMITS, PERMISSIONS
from weft.manifest.model import Limits, Manifest, Permissions
from weft.manifest.rules import Invalid, Rule, suggestion
from weft.settings import PolicySettings

NETWORK = ("none", "loopback", "outbound")
"""From least to most."""
SIZES = frozenset({"memory"})
TIMES = frozenset({"startup", "call", "drain"})
LISTS = ("read", "write", "env", "exec", "plugins")
NUMBERS = tuple(LIMITS)
GRANTABLE: Mapping[str, Rule] = {
    "runtime": KEYS["runtime"],
    "instances": KEYS["instances"],
    **LIMITS,
    **PERMISSIONS,
}
"""Every key of ``--allow KEY=VALUE``, with the rule for its value."""


@dataclass(frozen=True)
class Excess:
    """One thing that a plugin asks beyond what it may have. ``grant`` is what ``--allow`` would take for it."""

    asked: str
    allowed: str
    grant: str


# --- grants ---------------------------------------------------------------------------------------------------------


def read_grant(text: str) -> str:
    """``KEY=VALUE`` (or ``manage``) in its one spelling. Raises UsageError that says what would be understood."""
    key, _, value = text.strip().partition("=")
    key = key.removeprefix("permissions.").removeprefix("limits.").strip()
    if key not in GRANTABLE:
        raise UsageError(f"cannot allow {text!r}: {key!r} is no permission or limit ({suggestion(key, GRANTABLE)})")
    try:
        return _spell(key, _read_value(key, value))
    except Invalid as error:
        flaws = "; ".join(f"{flaw.message} ({flaw.remedy})" if flaw.remedy else flaw.message for flaw in error.flaws)
        raise UsageError(f"cannot allow {text!r}: {flaws}") from None


def _read_value(key: str, value: str) -> Any:
    rule = GRANTABLE[key]
    if key == "manage":
        return rule({"": True, "true": True, "false": False}.get(value.strip(), value))
    if key in LISTS:
        (item,) = rule([value])
        return posixpath.normpath(item) if key in ("read", "write") else item
    return rule(_number(value) if key in ("instances", *NUMBERS) else value)


def _number(value: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _spell(key: str, value: Any) -> str:
    return "manage" if key == "manage" else f"{key}={_show(key, value)}"


def _show(key: str, value: Any) -> str:
    if value is None:
        return "none"
    if key in SIZES:
        return values.write_size(value)
    return values.write_time(value) if key in TIMES else str(value)


def merge_grants(*grants: Iterable[str]) -> tuple[str, ...]:
    """Every grant once, checked and in its one spelling, sorted."""
    return tuple(sorted({read_grant(each) for some in grants for each in some}))


def ceiling(policy: PolicySettings, grants: Iterable[str]) -> PolicySettings:
    """The policy, raised by what was granted. Raises UsageError for a grant that makes no sense."""
    raised = policy
    for grant in merge_grants(grants):
        key, _, text = grant.partition("=")
        raised = _raise(raised, key, _read_value(key, text))
    return raised


def _raise(policy: PolicySettings, key: str, value: Any) -> PolicySettings:
    field = "runtimes" if key == "runtime" else key
    now = getattr(policy, field)
    if isinstance(now, tuple):
        return replace(policy, **{field: (*now, value)})
    if key == "network":
        return replace(policy, network=max(now, value, key=NETWORK.index))
    return replace(policy, **{field: None if None in (now, value) else max(now, value)})


# --- judging --------------------------------------------------------------------------------------------------------


def exceeding(manifest: Manifest, allowed: PolicySettings) -> list[Excess]:
    """What ``manifest`` asks beyond ``allowed``, in the order of the manual's table. Empty: it may run."""
    asked = manifest.given
    found = [*_items("runtime", (manifest.runtime,), allowed.runtimes, _equal)]
    for key in LISTS:
        if f"permissions.{key}" in asked:
            covers = _below if key in ("read", "write") else _equal
            found += _items(key, getattr(manifest.permissions, key), getattr(allowed, key), covers)
    found += _network(manifest, allowed) if "permissions.network" in asked else []
    if manifest.permissions.manage and not allowed.manage:
        found.append(Excess("manage", "not allowed", "manage"))
    for key in NUMBERS:
        if f"limits.{key}" in asked:
            found += _number_over(key, getattr(manifest.limits, key), getattr(allowed, key))
    return found + _number_over("instances", manifest.instances, allowed.instances)


def _items(key: str, asked: Sequence[str], allowed: Sequence[str], covers: Callable[[str, str], bool]) -> list[Excess]:
    over = [each for each in asked if not any(covers(one, each) for one in allowed)]
    return [Excess(f"{key} {each}", f"allowed: {', '.join(allowed) or 'none'}", f"{key}={each}") for each in over]


def _equal(allowed: str, asked: str) -> bool:
    return allowed == asked


def _below(allowed: str, asked: str) -> bool:
    """Whether the path ``asked`` is ``allowed`` or lies in it; ``..`` is worked out first."""
    above, below = posixpath.normpath(allowed), posixpath.normpath(asked)
    return below == above or below.startswith(above.rstrip("/") + "/")


def _network(manifest: Manifest, allowed: PolicySettings) -> list[Excess]:
    asked = manifest.permissions.network
    if NETWORK.index(asked) <= NETWORK.index(allowed.network):
        return []
    return [Excess(f"network {asked}", f"at most {allowed.network}", f"network={asked}")]


def _number_over(key: str, asked: float | None, allowed: float | None) -> list[Excess]:
    if allowed is None or (asked is not None and asked <= allowed):
        return []
    return [Excess(f"{key} {_show(key, asked)}", f"at most {_show(key, allowed)}", _spell(key, asked))]


def check(manifest: Manifest, allowed: PolicySettings) -> None:
    """Raises Refused that lists everything that ``manifest`` asks too much, and the command that would allow it."""
    found = exceeding(manifest, allowed)
    if found:
        lines = "\n".join(f"  {each.asked} ({each.allowed})" for each in found)
        remedy = " ".join(f"--allow {each.grant}" for each in found)
        raise Refused(
            f"{manifest.name} {manifest.version} asks for more than it may have:\n{lines}\n"
            f"to allow it: weft deploy {remedy} …, or weft grant {manifest.name} "
            + " ".join(each.grant for each in found)
        )


def confine(manifest: Manifest, allowed: PolicySettings) -> Manifest:
    """``manifest`` with what it leaves open brought down to ``allowed``."""
    return replace(
        manifest,
        limits=Limits(**{key: _clamped(manifest, key, allowed) for key in NUMBERS}),
        permissions=_clamped_network(manifest, allowed),
    )


def _clamped(manifest: Manifest, key: str, allowed: PolicySettings) -> Any:
    mine, most = getattr(manifest.limits, key), getattr(allowed, key)
    if f"limits.{key}" in manifest.given or most is None:
        return mine
    return most if mine is None else min(mine, most)


def _clamped_network(manifest: Manifest, allowed: PolicySettings) -> Permissions:
    mine = manifest.permissions
    if "permissions.network" in manifest.given:
        return mine
    return replace(mine, network=min(mine.network, allowed.network, key=NETWORK.index))
