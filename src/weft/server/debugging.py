"""Releases that a debugger may stop for as long as it likes."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from msgspec.structs import replace as replace_fields

from weft.engine.release import Release
from weft.errors import UsageError
from weft.sdk.debugging import VARIABLE

PATIENCE = 7 * 24 * 3600.0
"""Seconds in place of every limit of time: nobody steps through a plugin for longer."""


def debugged(release: Release, source: Path) -> Release:
    """The same in one instance that waits for a debugger, without deadlines. ``source``: where its files are edited.

    Raises UsageError where it has no process of its own.
    """
    if release.environment is None:
        raise UsageError(
            f"plugin {release.manifest.name} runs {release.manifest.runtime}, in its host's own process: "
            'debug the host, or give it a process of its own (runtime = "process")'
        )
    limits = replace_fields(release.manifest.limits, startup=PATIENCE, call=PATIENCE, drain=PATIENCE)
    lent = _folder_of_debugpy()
    asked = release.manifest.permissions
    permissions = replace_fields(asked, read=(*asked.read, *((lent,) if lent else ())))
    manifest = replace_fields(release.manifest, limits=limits, permissions=permissions, instances=1)
    told = json.dumps({"lent": lent, "source": str(source)})
    return replace(release, manifest=manifest, env={**release.env, VARIABLE: told}, patient=True)


def _folder_of_debugpy() -> str:
    found = find_spec("debugpy")
    return str(Path(found.origin).parents[1]) if found is not None and found.origin else ""
