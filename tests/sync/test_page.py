"""The example of docs/sync.md does what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "sync.md"
FENCE = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def test_the_example_prints_what_the_page_says(tmp_path):
    blocks = dict(FENCE.findall(PAGE.read_text()))
    (tmp_path / "plugins").mkdir()
    for name in ("plugins/fast_thumbs.py", "host.py", "app.py"):
        (tmp_path / name).write_text(blocks[name])
    for program, printed in (("host.py", blocks["what it prints"]), ("app.py", "")):
        done = subprocess.run(
            [sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr, done.stdout) == (0, "", printed)
