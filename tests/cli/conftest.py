"""The command ``weft`` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WEFT = str(Path(sys.executable).parent / "weft")


@pytest.fixture
def weft(tmp_path):
    """``weft(*arguments)``: runs it in ``tmp_path``, on a STATE of the test's own. ``stdin``: what it reads."""

    def run(*arguments, stdin=None, **env):
        environment = {**os.environ, "WEFT_STATE": str(tmp_path / "state"), **env}
        return subprocess.run(
            [WEFT, *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
