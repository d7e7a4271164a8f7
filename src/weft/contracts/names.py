"""Names of contracts."""

from __future__ import annotations

import re

CONTRACT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
"""As manifests have them, in ``provides``."""


def snake_case(name: str) -> str:
    """``HTTPThumbnailer`` becomes ``http_thumbnailer``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
