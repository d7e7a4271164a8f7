"""Why the front answers in a plugin's place: each error of a call, as a status and as the word that counts it. Pure."""

from __future__ import annotations

from weft.errors import (
    DeadlineExceeded,
    DrainEnded,
    InstanceLost,
    Overloaded,
    ProtocolError,
    Unavailable,
    WeftError,
)

REASONS = {
    "overloaded": "it had as many requests in flight as it may, or took no more (503)",
    "unavailable": "no instance of it was there (503)",
    "late": "it did not answer within limits.call (504)",
    "drained": "it did not answer within limits.drain (504)",
    "lost": "its process ended before it answered (502)",
    "invalid": "what it answered was no answer (502)",
    "raised": "it failed before it answered (502)",
    "cut": "it broke its answer off after it had begun",
}
"""Every word, with what happened."""

_OF: tuple[tuple[type[WeftError], int, str], ...] = (
    (DeadlineExceeded, 504, "late"),
    (DrainEnded, 504, "drained"),
    (Overloaded, 503, "overloaded"),
    (Unavailable, 503, "unavailable"),
    (InstanceLost, 502, "lost"),
    (ProtocolError, 502, "invalid"),
)


def failure(error: WeftError) -> tuple[int, str]:
    """The status that a client gets for a call that failed so, and the word."""
    for kind, status, reason in _OF:
        if isinstance(error, kind):
            return status, reason
    return 502, "raised"
