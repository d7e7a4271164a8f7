"""What an arriving plugin may have: what it asks, against the operator's ceiling and its own grants. Pure.

Only what a manifest sets itself is judged; what it leaves open is clamped to the ceiling, so that a policy tighter
than the defaults binds plugins that say nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import eq
from typing import Any, get_args

from msgspec.structs import replace

from weft.errors import Refused, UsageError
from weft.manifest import rules, values
from weft.manifest.keys import KEYS, LIMITS, PERMISSIONS
from weft.manifest.model import Limits, Manifest, Permissions, RuntimeName
from weft.manifest.rules import Flaw, Invalid, Rule, dotted, suggestion
from weft.server.places import Places, is_within
from weft.settings import PolicySettings

NETWORK = ("none", "loopback", "outbound")
"""From least to most."""
SIZES = frozenset({"memory", "disk"})
TIMES = frozenset({"startup", "call", "drain"})
PATHS = ("read", "write")
LISTS = (*PATHS, "env", "exec", "plugins")
NUMBERS = tuple(LIMITS)
ANY = "any"
"""What ``ports=`` takes for a plugin that names none."""
GRANTABLE: Mapping[str, Rule] = {
    "runtime": KEYS["runtime"],
    "instances": KEYS["instances"],
    **LIMITS,
    **PERMISSIONS,
}
"""Every key of ``--allow KEY=VALUE``, with the rule for its value."""
NOWHERE = Places()


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
        raise UsageError(f"cannot allow {text!r}: {'; '.join(map(_told, error.flaws))}") from None


def _told(flaw: Flaw) -> str:
    return f"{flaw.message} ({flaw.remedy})" if flaw.remedy else flaw.message


def _read_value(key: str, value: str) -> Any:
    rule = GRANTABLE[key]
    if key == "manage":
        if value.strip() not in ("", "true"):
            raise Invalid(Flaw(f"manage is given or not, and has no value {value!r}", "write manage, or leave it out"))
        return True
    if key == "ports":
        return ANY if value.strip() == ANY else rule([_number(value)])[0]
    if key in LISTS:
        return rule([value])[0]
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


def spellings() -> Iterator[str]:
    """What there is to grant: ``KEY=VALUE`` where the values are few, ``KEY=`` where they are not."""
    few = {"runtime": get_args(RuntimeName), "network": NETWORK, "ports": ("", ANY)}
    for key in GRANTABLE:
        yield from ("manage",) if key == "manage" else (f"{key}={value}" for value in few.get(key, ("",)))


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


def check_granted(name: str, take: Iterable[str], granted: Iterable[str], settings: Iterable[str]) -> None:
    """Raises UsageError where ``take`` has what was never granted, or is allowed by ``settings``."""
    if fixed := sorted(set(take) & set(merge_grants(settings))):
        raise UsageError(f"weft.toml allows {name} {', '.join(fixed)}: take it out of [plugins.{name}] allow there")
    if never := sorted(set(take) - set(granted)):
        raise UsageError(f"{name} was not granted {', '.join(never)} (granted: {', '.join(granted) or 'nothing'})")


def leave_of(manifest: Manifest) -> tuple[Permissions, Limits]:
    """What a plugin may touch and use: what instances are started with, and keep."""
    return manifest.permissions, manifest.limits


def paths(manifest: Manifest, allowed: PolicySettings) -> set[str]:
    """Every path that is asked for, or allowed: what ``Places`` are made of."""
    return {path for some in (manifest.permissions, allowed) for key in PATHS for path in getattr(some, key)}


def problems(policy: PolicySettings) -> Iterator[str]:
    """What is wrong with the values of ``[policy]``, each with its key."""
    for name in policy.__struct_fields__:
        value = getattr(policy, name)
        rule = rules.each(KEYS["runtime"]) if name == "runtimes" else GRANTABLE[name]
        try:
            rule(list(value) if isinstance(value, tuple) else value)
        except Invalid as error:
            yield from (f"policy.{dotted((name, *flaw.key))}: {_told(flaw)}" for flaw in error.flaws)


def _raise(policy: PolicySettings, key: str, value: Any) -> PolicySettings:
    field = "runtimes" if key == "runtime" else key
    now = getattr(policy, field)
    if key == "ports" and (value == ANY or not now):
        return replace(policy, ports=())
    if isinstance(now, tuple):
        return replace(policy, **{field: (*now, value)})
    if key == "network":
        return replace(policy, network=max(now, value, key=NETWORK.index))
    return replace(policy, **{field: None if None in (now, value) else max(now, value)})


# --- judging --------------------------------------------------------------------------------------------------------


def exceeding(manifest: Manifest, allowed: PolicySettings, places: Places = NOWHERE) -> list[Excess]:
    """What ``manifest`` asks beyond ``allowed``, in the order of the manual's table. Empty: it may run."""
    asked = manifest.given
    found = [*_items("runtime", (manifest.runtime,), allowed.runtimes)]
    for key in LISTS:
        if f"permissions.{key}" in asked:
            found += _items(key, getattr(manifest.permissions, key), getattr(allowed, key), places)
    found += _network(manifest, allowed) if "permissions.network" in asked else []
    found += _ports(manifest, allowed) if "permissions.ports" in asked else []
    if manifest.permissions.manage and not allowed.manage:
        found.append(Excess("manage", "not allowed", "manage"))
    for key in NUMBERS:
        if f"limits.{key}" in asked:
            found += _number_over(key, getattr(manifest.limits, key), getattr(allowed, key))
    return found + _number_over("instances", manifest.instances, allowed.instances)


def _items(key: str, asked: Sequence[str], allowed: Sequence[str], places: Places = NOWHERE) -> list[Excess]:
    covers, named = (places.covers, places.named) if key in PATHS else (eq, str)
    over = [each for each in asked if not any(covers(one, each) for one in allowed)]
    told = f"allowed: {', '.join(allowed) or 'none'}"
    return [Excess(f"{key} {each}", told, f"{key}={named(each)}") for each in over]


def _network(manifest: Manifest, allowed: PolicySettings) -> list[Excess]:
    asked = manifest.permissions.network
    if NETWORK.index(asked) <= NETWORK.index(allowed.network):
        return []
    return [Excess(f"network {asked}", f"at most {allowed.network}", f"network={asked}")]


def _ports(manifest: Manifest, allowed: PolicySettings) -> list[Excess]:
    """A plugin that names no ports asks for all of them."""
    asked = [str(each) for each in manifest.permissions.ports] or [ANY]
    return _items("ports", asked, [str(each) for each in allowed.ports] or asked)


def _number_over(key: str, asked: float | None, allowed: float | None) -> list[Excess]:
    if allowed is None or (asked is not None and asked <= allowed):
        return []
    return [Excess(f"{key} {_show(key, asked)}", f"at most {_show(key, allowed)}", _spell(key, asked))]


def check(manifest: Manifest, allowed: PolicySettings, places: Places = NOWHERE) -> None:
    """Raises Refused that lists everything that ``manifest`` asks too much, and the command that would allow it."""
    found = exceeding(manifest, allowed, places)
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
        permissions=_clamped_network(manifest.permissions, manifest.given, allowed),
    )


def _clamped(manifest: Manifest, key: str, allowed: PolicySettings) -> Any:
    mine, most = getattr(manifest.limits, key), getattr(allowed, key)
    if f"limits.{key}" in manifest.given or most is None:
        return mine
    return most if mine is None else min(mine, most)


def _clamped_network(mine: Permissions, given: Collection[str], allowed: PolicySettings) -> Permissions:
    """Of the permissions that a manifest leaves open, only these two are more than nothing."""
    if "permissions.network" not in given:
        mine = replace(mine, network=min(mine.network, allowed.network, key=NETWORK.index))
    return mine if "permissions.ports" in given else replace(mine, ports=allowed.ports)


def follow(manifest: Manifest, places: Places) -> Manifest:
    """``manifest`` with the paths to which its own lead: what was judged is what it gets."""
    mine = manifest.permissions
    led = {key: tuple(map(places.of, getattr(mine, key))) for key in PATHS}
    return replace(manifest, permissions=replace(mine, **led))


def warnings(manifest: Manifest, places: Places) -> list[str]:
    """What an operator should know of the paths that a plugin has, however they came to it."""
    return [
        f"{manifest.name} may {key} {path}, which {_reach(path, places)}"
        for key in PATHS
        for path in getattr(manifest.permissions, key)
        if places.reaches_state(path)
    ]


def _reach(path: str, places: Places) -> str:
    if is_within(places.state, places.of(path)):
        return f"holds the server's own folder {places.state}: its token, and the data of every plugin"
    return f"is in the server's own folder {places.state}"
