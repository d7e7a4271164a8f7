"""A release: one immutable set of files and settings, ready to be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.manifest.model import Manifest
from weft.packages.environments import Environment
from weft.runtimes.launch import Launch


@dataclass(frozen=True, kw_only=True)
class Release:
    """What runs: a manifest, files known by ``digest``, an environment, and the deployment's settings."""

    manifest: Manifest
    folder: Path
    digest: str
    environment: Environment
    data_dir: Path
    number: int = 1
    config: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """``name#number``."""
        return f"{self.manifest.name}#{self.number}"

    def launch(self) -> Launch:
        """What a runtime starts from."""
        manifest = self.manifest
        return Launch(
            name=manifest.name,
            version=manifest.version,
            folder=self.folder,
            entry=manifest.entry,
            provides=tuple(str(each) for each in manifest.provides),
            limits=manifest.limits,
            interpreter=(str(self.environment.python), *self.environment.flags),
            helpers=self.environment.helpers,
            data_dir=self.data_dir,
            config={**manifest.config, **self.config},
            variables=self.env,
            passed=manifest.permissions.env,
        )
