"""The two tables: a plugin's life, and the life of one running copy of a release."""

from __future__ import annotations

from weft.lifecycle.table import Table

PLUGIN = Table(
    "plugin",
    "loaded",
    {
        ("loaded", "start"): "starting",
        ("starting", "ready"): "running",
        ("starting", "fail"): "failed",
        ("running", "replace"): "running",
        ("running", "lose_some"): "degraded",
        ("running", "lose_all"): "recovering",
        ("degraded", "replace"): "running",
        ("degraded", "restore"): "running",
        ("degraded", "lose_some"): "degraded",
        ("degraded", "lose_all"): "recovering",
        ("recovering", "replace"): "running",
        ("recovering", "restore_some"): "degraded",
        ("recovering", "restore"): "running",
        ("recovering", "quarantine"): "quarantined",
        ("degraded", "restore_some"): "degraded",
        ("failed", "replace"): "running",
        ("quarantined", "replace"): "running",
        ("stopped", "replace"): "running",
        ("starting", "stop"): "stopping",
        ("running", "stop"): "stopping",
        ("degraded", "stop"): "stopping",
        ("recovering", "stop"): "stopping",
        ("failed", "stop"): "stopping",
        ("quarantined", "stop"): "stopping",
        ("stopping", "stopped"): "stopped",
        ("stopped", "start"): "starting",
        ("failed", "start"): "starting",
    },
)

INSTANCE = Table(
    "instance",
    "starting",
    {
        ("starting", "ready"): "serving",
        ("starting", "end"): "ended",
        ("serving", "drain"): "draining",
        ("serving", "stop"): "stopping",
        ("serving", "end"): "ended",
        ("draining", "stop"): "stopping",
        ("draining", "end"): "ended",
        ("stopping", "end"): "ended",
    },
)
