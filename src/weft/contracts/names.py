"""Names of contracts, and of components: several providers of one contract in one plugin, told apart by ids.

A component of id ``redis`` provides ``storage#redis@1`` where a plugin that is the storage itself provides
``storage@1``; its methods cross as those of a contract ``storage#redis``.
"""

from __future__ import annotations

import re
from typing import Tuple

CONTRACT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
"""As manifests have them, in ``provides``."""
ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
"""Of a component."""
PROVIDED = re.compile(rf"{CONTRACT.pattern}(?:#{ID.pattern})?", re.ASCII)
"""A contract, or a component of one."""


def snake_case(name: str) -> str:
    """``HTTPThumbnailer`` becomes ``http_thumbnailer``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def component_key(key: str, identity: str) -> str:
    """``storage#redis@1`` of ``storage@1`` and ``redis``."""
    name, _, major = key.partition("@")
    return f"{name}#{identity}@{major}"


def split_key(key: str) -> Tuple[str, str]:
    """``("storage@1", "redis")`` of ``storage#redis@1``; of the key of a contract itself that key, and ``''``."""
    name, _, rest = key.partition("#")
    if not rest:
        return key, ""
    identity, _, major = rest.rpartition("@")
    return f"{name}@{major}", identity
