"""A release: one immutable set of files and settings, ready to be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from weft.engine.configuration import effective
from weft.manifest.model import Manifest, Order
from weft.packages.environments import Environment
from weft.runtimes.launch import Launch


@dataclass(frozen=True, kw_only=True)
class Release:
    """What runs: a manifest, files known by ``digest``, an environment, and the deployment's settings."""

    manifest: Manifest
    folder: Path
    digest: str
    environment: Environment | None
    """None where it runs on the host's interpreter."""
    data_dir: Path
    number: int = 1
    config: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    order: Order | None = None
    """Given in place of the manifest's own, which it is here."""
    fallback: Release | None = field(default=None, compare=False)
    """The release before, where this one is to go back to it by itself when it fails; that one goes back no further."""
    patient: bool = False
    """No sign of life is asked of it: a debugger may stop it."""

    @property
    def label(self) -> str:
        """``name#number``."""
        return f"{self.manifest.name}#{self.number}"

    def same_as(self, other: Release) -> bool:
        """Whether nothing but the number differs."""
        return replace(self, number=other.number) == other

    def launch(self) -> Launch:
        """What a runtime starts from."""
        manifest, environment = self.manifest, self.environment
        return Launch(
            name=manifest.name,
            version=manifest.version,
            folder=self.folder,
            entry=manifest.entry,
            provides=tuple(str(each) for each in manifest.provides),
            limits=manifest.limits,
            interpreter=(str(environment.python), *environment.flags) if environment else (),
            helpers=environment.helpers if environment else None,
            data_dir=self.data_dir,
            config=effective(manifest, self.config),
            variables=self.env,
            permissions=manifest.permissions,
            http_services=to_builtins(manifest.http_services),
        )
