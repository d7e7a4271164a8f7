"""What 2,000 loads, calls and unloads of an inline plugin leave in the host's memory: the last 500 must add nothing."""

import asyncio
import gc
import json
import os
import subprocess
import sys
from pathlib import Path

from harness.rounds import Plan
from harness.rows import Row
from weft.manifest.model import Limits
from weft.runtimes.inline.runtime import InlineRuntime
from weft.runtimes.launch import Launch

CYCLES = 2_000
LAST = 500
PLUGIN = {
    "cycled/__init__.py": "from .answers import answer\n\n\nclass Plugin:\n    async def ask(self, item: str) -> str:\n"
    "        from .late import late\n\n        return answer(item) + late\n",
    "cycled/answers.py": "TABLE = {str(each): each for each in range(500)}\n\n\ndef answer(item):\n    return item\n",
    "cycled/late.py": "late = '!'\n",
}
"""A plugin that is large enough for one that is left behind to be seen."""


def measure(plan: Plan) -> list[Row]:
    done = subprocess.run(
        [sys.executable, __file__, str(plan.folder)], stdout=subprocess.PIPE, text=True, timeout=600, check=True
    )
    sizes: list[int] = json.loads(done.stdout)
    before, after = sizes[-2], sizes[-1]
    grown = round(100 * (after - before) / before, 2)
    details = {"bytes": sizes, "every": LAST}
    return [Row(f"memory that the last {LAST} of {CYCLES} inline cycles add", grown, "<=", 2, "%", details=details)]


async def main(folder: Path) -> list[int]:
    """The resident bytes after each ``LAST`` cycles."""
    for name, text in PLUGIN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    runtime, sizes = InlineRuntime(), []
    for cycle in range(1, CYCLES + 1):
        await _cycle(runtime, folder)
        if cycle % LAST == 0:
            gc.collect()  # what is left, not what Python has yet to look at
            sizes.append(_resident())
    return sizes


async def _cycle(runtime: InlineRuntime, folder: Path) -> None:
    launch = Launch(
        name="cycled",
        version="1",
        folder=folder,
        entry="cycled:Plugin",
        provides=("asker@1",),
        limits=Limits(),
        interpreter=(),
        helpers=None,
        data_dir=folder / "data",
    )
    instance = await runtime.start(launch, lambda _line: None)
    asker = instance.direct("asker@1")
    assert asker is not None
    assert await asker.own("ask")("how") == "how!"
    await instance.stop(5)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
