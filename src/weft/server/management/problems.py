"""Errors as management tells them: one table of statuses, one shape of body. Pure."""

from __future__ import annotations

from typing import Any

from weft import errors
from weft.server.management.forms import TooLarge

STATUSES: dict[type[errors.WeftError], int] = {
    errors.UnknownPlugin: 404,
    errors.NotInThisVersion: 501,
    TooLarge: 413,
    errors.UsageError: 400,
    errors.ManifestError: 422,
    errors.PackageError: 422,
    errors.EnvironmentFailed: 422,
    errors.StartFailed: 422,
    errors.Refused: 403,
    errors.Conflict: 409,
    errors.TransitionError: 409,
    errors.StorageFailed: 507,
    errors.DeadlineExceeded: 504,
    errors.Overloaded: 503,
    errors.Unavailable: 503,
    errors.PluginError: 502,
    errors.WeftError: 500,
}
"""The status of an error is that of the nearest of its classes that is here."""


def status_of(error: errors.WeftError) -> int:
    """The HTTP status that tells this error."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def describe(error: errors.WeftError) -> dict[str, Any]:
    """``{"error": {"type", "message", "notes", "plugin", "traceback", "problems"}}``; empty where there is none."""
    problems = getattr(error, "problems", ())
    return {
        "error": {
            "type": type(error).__name__,
            "message": str(error),
            "plugin": getattr(error, "plugin", ""),
            "traceback": getattr(error, "traceback", ""),
            "notes": list(getattr(error, "__notes__", ())),
            "problems": [
                {
                    "path": problem.path,
                    "line": problem.line,
                    "key": problem.key,
                    "message": problem.message,
                    "remedy": problem.remedy,
                }
                for problem in problems
            ],
        }
    }
