"""A plugin as operators see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weft.engine import Plugin
from weft.sandbox.level import lacking
from weft.server.fleet import Record


@dataclass(frozen=True, kw_only=True)
class InstanceStatus:
    """One running copy. ``started`` in seconds since the epoch."""

    pid: int | None
    state: str
    release: int
    started: float
    in_flight: int


@dataclass(frozen=True, kw_only=True)
class PluginStatus:
    """``state`` is one of lifecycle.PLUGIN, or ``disabled``; ``error`` is why it, or an instance of it, does not run.

    ``since``: when its release began to serve (or failed), seconds since the epoch.
    """

    name: str
    title: str
    authors: tuple[str, ...] = ()
    homepage: str = ""
    version: str
    release: int
    digest: str
    state: str
    enabled: bool
    preloaded: bool
    domains: tuple[str, ...]
    since: float
    error: str = ""
    provides: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    instances: tuple[InstanceStatus, ...] = ()
    draining: tuple[InstanceStatus, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What a deployment (or roll-back) came to. ``changed`` False: the same release served already."""

    name: str
    release: int
    version: str
    digest: str
    domains: tuple[str, ...]
    provides: tuple[str, ...]
    changed: bool
    created: bool


@dataclass(frozen=True, kw_only=True)
class Granted:
    """What a change of grants came to. ``swapped``: new instances, with other leave, took over from those that ran.

    ``disabled``: why the plugin does not run any more; '' when it does, or did not before.
    """

    name: str
    grants: tuple[str, ...]
    swapped: bool = False
    disabled: str = ""


def status_of(record: Record, plugin: Plugin | None) -> PluginStatus:
    """What is known now."""
    return PluginStatus(
        name=record.name,
        title=record.title,
        authors=record.authors,
        homepage=record.homepage,
        version=record.version,
        release=record.number,
        digest=record.digest,
        state=plugin.state if plugin else _idle_state(record),
        enabled=record.enabled,
        preloaded=record.preloaded,
        domains=record.domains,
        since=record.since,
        error=record.error or (plugin.failure if plugin else ""),
        provides=record.provides,
        grants=record.grants,
        instances=_instances(plugin.instances) if plugin else (),
        draining=_instances(plugin.draining) if plugin else (),
    )


def missing_protections(plugin: Plugin) -> list[str]:
    """What of its sandbox is not there, or in part, each with the reason."""
    found = (lacking(member.instance.sandbox.details) for member in plugin.instances)
    return list(dict.fromkeys(text for texts in found for text in texts))


def _idle_state(record: Record) -> str:
    if not record.enabled:
        return "disabled"
    return "failed" if record.error else "starting"


def _instances(members: Any) -> tuple[InstanceStatus, ...]:
    return tuple(
        InstanceStatus(
            pid=each.pid, state=each.state, release=each.release, started=each.started, in_flight=each.in_flight
        )
        for each in members
    )


def deployed(record: Record, *, changed: bool, created: bool = False) -> Deployed:
    """The answer to who deployed."""
    return Deployed(
        name=record.name,
        release=record.number,
        version=record.version,
        digest=record.digest,
        domains=record.domains,
        provides=record.provides,
        changed=changed,
        created=created,
    )
