"""What a type checker sees of the door, in the example of its page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST = re.compile(r'^```py title="host.py"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
ASKED = """
reveal_type(thumbs)
reveal_type(thumbs.thumbnail(b"picture", 3))
reveal_type(engine.all(Thumbnailer))
reveal_type(engine.load("plugins/"))
for event in engine.events(): reveal_type(event)
thumbs.thumbnail("picture", 3)
engine.load(5)
"""
SEEN = [
    'note: Revealed type is "host.Thumbnailer"',
    'note: Revealed type is "bytes"',
    'note: Revealed type is "dict[str, host.Thumbnailer]"',
    'note: Revealed type is "tuple[weft.engine.plugin.Plugin, ...]"',
    'note: Revealed type is "weft.types.Event"',
    'error: Argument 1 to "thumbnail" of "Thumbnailer" has incompatible type "str"; expected "bytes"  [arg-type]',
    'error: Argument 1 has incompatible type "int"; expected "str | Path"  [arg-type]',
]


def test_what_a_plugin_is_used_as_is_what_its_contract_says(tmp_path):
    found = HOST.search((ROOT / "docs" / "sync.md").read_text())
    assert found
    asked = "".join(f"        {line}\n" for line in ASKED.strip().splitlines())
    host = tmp_path / "host.py"
    host.write_text(found[1] + asked)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", host]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    lines = done.stdout.splitlines()
    assert [line.partition(": ")[2] for line in lines[:-1]] == SEEN
