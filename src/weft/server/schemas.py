"""A plugin's configuration against its ``config_schema``, checked by a process that can be ended.

A few lines of a schema can take for ever to check, and whoever wrote them must not hold up the server.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft.errors import UsageError
from weft.manifest import Manifest
from weft.packages.programs import run

PROGRAM = Path(__file__).with_name("schema_program.py")
SECONDS = 5.0
"""How long a check may take."""


async def check_config(manifest: Manifest, config: Mapping[str, Any]) -> None:
    """Raises UsageError, which names keys and never values, unless all of ``config`` fits."""
    if manifest.config_schema is None:
        return
    given = json.dumps([manifest.config_schema, dict(config)])
    try:
        done = await run([sys.executable, "-I", PROGRAM], env={}, cwd=PROGRAM.parent, deadline=SECONDS, given=given)
        answer = json.loads(done.output)
    except (OSError, TimeoutError, ValueError):
        raise UsageError(
            f"{manifest.name}: config could not be checked against config_schema within {SECONDS:g} s: simplify it"
        ) from None
    if "invalid" in answer:
        raise UsageError(f"{manifest.name}: config_schema is no JSON Schema that can be used: {answer['invalid']}")
    if answer["problems"]:
        raise UsageError("\n".join([f"{manifest.name}: config does not fit config_schema:", *answer["problems"]]))
