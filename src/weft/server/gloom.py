"""What GLoom says, in its words."""

from __future__ import annotations

from weft.errors import Conflict, PluginError, Refused, UnknownPlugin, UsageError, WeftError

UPLOADED = "Plugin uploaded successfully"
UPDATED = "Plugin updated successfully"
DELETED = "Plugin deleted successfully"
NOT_FOUND = "Plugin not found"
PRELOADED = "Plugin is preloaded"
INVALID_NAME = "invalid plugin name"


def replied(error: WeftError) -> str | None:
    """What GLoom replies, where it tells of something as an outcome; None where it is an error."""
    if isinstance(error, UnknownPlugin):
        return NOT_FOUND
    if isinstance(error, Refused) and " is preloaded: " in str(error):
        return PRELOADED
    taken = isinstance(error, Conflict) and str(error).startswith("Domain ")
    return str(error) if taken else None


def told(error: WeftError) -> str:
    """What GLoom's clients are told of an error."""
    return replied(error) or (
        f"plugin reported error: {error.message}" if isinstance(error, PluginError) else str(error)
    )


def told_in_short(error: WeftError) -> str:
    """As ``told``; a name that is none is told as GLoom tells it, without why."""
    text = told(error)
    return INVALID_NAME if isinstance(error, UsageError) and text.startswith(f"{INVALID_NAME}:") else text
