"""Open files: connections must not take those that plugins, deployments and the store need."""

from __future__ import annotations

import resource

from msgspec.structs import replace

from weft.settings import HttpSettings

WANTED = 65_536
"""Files that a server asks to have open, as far as the system's hard limit lets it."""


def raise_limit() -> None:
    """Let this process open as many files as it may, up to WANTED; the usual soft limit is meant for small programs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def within_limit(settings: HttpSettings) -> HttpSettings:
    """``settings`` with at most as many connections as half of the files that this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return settings
    return replace(settings, max_connections=min(settings.max_connections, soft // 2))
