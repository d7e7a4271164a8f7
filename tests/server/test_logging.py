"""What the server and its libraries log, as a program reads it."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import logging
from weft.server.logging import configure_logging
configure_logging("info")
try:
    raise KeyError("cause")
except KeyError:
    logging.getLogger("library").exception("went wrong")
logging.getLogger("weft.server").info("all is well")
logging.getLogger("library").info("a detail of nobody's")
"""


def test_each_line_is_json_and_shows_the_traceback_of_a_library() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    wrong, well = [json.loads(line) for line in done.stderr.splitlines()]
    assert (wrong["event"], wrong["level"], wrong["logger"]) == ("went wrong", "error", "library")
    assert wrong["exception"].endswith("KeyError: 'cause'")
    assert (well["event"], well["level"]) == ("all is well", "info")
