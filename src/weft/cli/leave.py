"""What a plugin would need leave for, and what its paths reach: told by ``weft check``, before any server is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from weft.errors import Problem
from weft.manifest import Manifest
from weft.server.places import look_up
from weft.server.policy import exceeding, paths, warnings
from weft.settings import PolicySettings


def leave_notes(source: Path, manifest: Manifest, state: Path) -> Iterator[Problem]:
    """Notes on what exceeds the default policy. ``state``: the folder of the server that it may be meant for."""
    policy = PolicySettings()
    places = look_up(paths(manifest, policy), state)
    if found := exceeding(manifest, policy, places):
        asked = ", ".join(each.asked for each in found)
        remedy = "weft deploy " + " ".join(f"--allow {each.grant}" for each in found)
        yield Problem(str(source), None, "", f"asks for {asked}, which the default policy does not give", remedy)
    for warning in warnings(manifest, places):
        yield Problem(str(source), None, "permissions", warning)
