"""What a release is made of, decided before anything is changed: settings, domains, leave. Pure."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from weft.engine.configuration import checked_env
from weft.errors import UsageError
from weft.manifest import Manifest
from weft.server.domains import checked_domains
from weft.server.places import Places
from weft.server.policy import ceiling, check, confine, follow, merge_grants, warnings
from weft.server.state import Settings, StoredPlugin, StoredRelease
from weft.server.uploads import Upload
from weft.settings import PluginSettings, PolicySettings


@dataclass(frozen=True)
class Plan:
    """A release as it is to run: ``manifest`` is named, confined, and has its domains."""

    manifest: Manifest
    settings: Settings
    grants: tuple[str, ...]
    config: Mapping[str, Any]
    env: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    """What the operator should know of it."""

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def domains(self) -> tuple[str, ...]:
        return self.manifest.domains

    def on(self, domains: tuple[str, ...]) -> Plan:
        """The same on other domains."""
        return dataclasses.replace(self, manifest=replace(self.manifest, domains=domains))


def plan_deploy(
    manifest: Manifest,
    upload: Upload,
    stored: StoredPlugin | None,
    operator: PluginSettings,
    policy: PolicySettings,
    places: Places,
) -> Plan:
    """What a deployment amounts to, with what the plugin's current release was given.

    Raises Refused (policy), UsageError (domains, configuration, grants).
    """
    before = stored.current.settings if stored else Settings()
    domains = before.domains if upload.domains is None else _given_domains(manifest, upload.domains)
    settings = Settings(
        config={**before.config, **read_config(upload.config_file), **upload.config},
        env={**before.env, **checked_env(upload.env)},
        domains=domains,
        rollback=upload.rollback or before.rollback,
    )
    grants = merge_grants(stored.grants if stored else (), upload.allow)
    return plan_release(manifest, settings, grants, operator, policy, places)


def plan_release(
    manifest: Manifest,
    settings: Settings,
    grants: Sequence[str],
    operator: PluginSettings,
    policy: PolicySettings,
    places: Places,
) -> Plan:
    """What a stored release amounts to under the policy of today. Raises as ``plan_deploy`` does."""
    allowed = ceiling(policy, [*grants, *operator.allow])
    check(manifest, allowed, places)
    return _plan(confine(manifest, allowed), settings, tuple(grants), operator, places)


def plan_preloaded(
    manifest: Manifest, domains: tuple[str, ...] | None, operator: PluginSettings, places: Places
) -> Plan:
    """What a plugin that the operator named amounts to: it gets what it asks. Raises UsageError."""
    given = None if domains is None else checked_domains(domains)
    return _plan(manifest, Settings(domains=given), (), operator, places)


def _plan(
    manifest: Manifest, settings: Settings, grants: tuple[str, ...], operator: PluginSettings, places: Places
) -> Plan:
    domains = wanted_domains(manifest, settings, operator)
    config = {**operator.config, **settings.config}
    rollback = settings.rollback or operator.rollback or manifest.rollback
    named = replace(follow(manifest, places), domains=domains, rollback=rollback)
    warned = tuple(warnings(manifest, places))
    return Plan(named, settings, grants, config, {**operator.env, **settings.env}, warned)


def wanted_domains(manifest: Manifest, settings: Settings, operator: PluginSettings) -> tuple[str, ...]:
    """Where a plugin is to be served: nowhere, when its manifest says what it provides, and it is no web pages."""
    if manifest.provides and not any(is_web(str(each)) for each in manifest.provides):
        return ()
    return settings.domains or operator.domains or checked_domains(manifest.domains)


def is_web(contract: str) -> bool:
    """Whether a contract, ``name`` or ``name@major``, is the one that needs domains."""
    return contract.partition("@")[0] == "web"


def _given_domains(manifest: Manifest, domains: Sequence[str]) -> tuple[str, ...]:
    if manifest.provides and not any(is_web(str(each)) for each in manifest.provides):
        provides = ", ".join(map(str, manifest.provides))
        raise UsageError(f"plugin {manifest.name} provides {provides}, and no web pages: leave its domains out")
    return checked_domains(domains)


def target_release(kept: Sequence[StoredRelease], name: str, current: int, number: int | None) -> StoredRelease:
    """The release to go back to: ``number``, or the last before ``current`` that has not failed.

    Raises UsageError when it is not kept.
    """
    if number is None:
        earlier = earlier_releases(kept, current) or [each for each in kept if each.number < current]
        if not earlier:
            raise UsageError(f"{name} has no release before #{current}")
        return earlier[-1]
    found = next((each for each in kept if each.number == number), None)
    if found is None:
        numbers = ", ".join(f"#{each.number}" for each in kept)
        raise UsageError(f"{name} has no release #{number} (kept: {numbers})")
    return found


def earlier_releases(kept: Sequence[StoredRelease], current: int) -> list[StoredRelease]:
    """Those before ``current`` that have not failed, the oldest first."""
    return [each for each in kept if each.number < current and each.standing != "failed"]


def read_config(content: bytes | None) -> dict[str, Any]:
    """A configuration file: a JSON object, or TOML. Raises UsageError; values are not shown."""
    if content is None:
        return {}
    try:
        text = content.decode()
        found = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
        json.dumps(found, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it holds values that JSON has not"
        raise UsageError(f"the configuration file is neither a JSON object nor TOML: {reason}") from None
    return dict(found)
