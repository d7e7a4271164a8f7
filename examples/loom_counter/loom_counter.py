"""szlabs go-plugin's form: one ``Execute(ctx)`` for every endpoint of ``plugin.json``, told apart by their labels."""

import json
import os
import threading
from pathlib import Path

COUNTS = Path(os.environ.get("WEFT_DATA_DIR", ".")) / "picks.json"
LOCK = threading.Lock()


def Execute(ctx):
    label, loom = ctx.get_value("label"), ctx.get_value("id")
    if label == "loom.list":
        return sorted(counts())
    if label == "loom.get":
        return {"loom": loom, "picks": counts().get(loom, 0)}
    if label == "loom.weave":
        return {"loom": loom, "picks": weave(loom, ctx.get_value("request").json()["picks"])}
    raise ValueError("label is not set in the plugin context" if label is None else f"{label} is not supported")


def counts():
    return json.loads(COUNTS.read_text()) if COUNTS.exists() else {}


def weave(loom, picks):
    with LOCK:
        now = counts()
        now[loom] = now.get(loom, 0) + picks
        new = COUNTS.with_suffix(".new")
        new.write_text(json.dumps(now))
        new.replace(COUNTS)
        return now[loom]
