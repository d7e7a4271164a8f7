"""The server's limit of open files, in processes that can lose theirs."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from weft.server.descriptors import raise_limit, within_limit
from weft.settings import HttpSettings
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
raise_limit()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], within_limit(HttpSettings(max_connections=300)).max_connections)
"""


@pytest.mark.parametrize(
    ("soft", "hard", "files", "connections"), [(256, 512, 512, 256), (128, 1000, 1000, 300), (400, 400, 400, 200)]
)
def test_connections_leave_half_of_the_files_to_the_rest(soft, hard, files, connections):
    command = [sys.executable, "-c", PROGRAM, str(soft), str(hard)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.split() == [str(files), str(connections)]
