"""What Weft lends to a plugin's interpreter besides itself: msgspec, uvloop and the WSGI adapter, one folder for each.

They are searched after everything of the plugin's own, and a plugin starts without them too: only slower.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from weft.errors import EnvironmentFailed
from weft.packages.durable import NEW, remove_tree
from weft.packages.exclusive import exclusive
from weft.packages.interpreters import Interpreter
from weft.packages.resolution import content_address
from weft.packages.uv import Uv
from weft.types import Progress

_WAIT = 300.0
"""Seconds that one waits for another who installs the same."""
_RETRY = 600.0
"""Seconds before helpers that could not be had are tried again."""


class Helpers:
    """The folders under ``root``: one per interpreter, within it one per set of helpers."""

    def __init__(self, root: Path, uv: Uv) -> None:
        self._root = root
        self._uv = uv
        self._failed: dict[Path, float] = {}

    async def prepare(self, interpreter: Interpreter, progress: Progress) -> Path | None:
        """The folder for ``interpreter``, installed if need be; None, and a line to ``progress``, when it cannot be."""
        requirements = resources.files("weft.packages").joinpath("helpers.txt").read_bytes()
        folder = self._root / interpreter.tag / content_address(requirements)
        if folder.is_dir():
            return folder
        if time.monotonic() - self._failed.get(folder, float("-inf")) < _RETRY:
            return None
        try:
            await self._install(requirements.decode(), folder, interpreter)
        except (EnvironmentFailed, OSError) as error:
            self._failed[folder] = time.monotonic()
            progress(f"no helpers for Python {interpreter.version}, it runs without (slower): {error}")
            return None
        return folder

    async def _install(self, requirements: str, folder: Path, interpreter: Interpreter) -> None:
        """Into a folder beside it, then renamed: it is there whole or not at all."""
        async with exclusive(folder.with_suffix(".lock"), within=_WAIT) as lock:
            if folder.is_dir():  # noqa: ASYNC240 # one look at a local disk
                return
            prefix = f"{NEW}{folder.name}-"
            await asyncio.to_thread(_remove_all, folder.parent.glob(f"{prefix}*"))
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as temporary:
                target = Path(temporary) / "helpers"
                await self._uv.run(
                    "pip", "install", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--compile-bytecode",
                    "--link-mode", "copy",
                    "--python", interpreter.path, "--target", target, "--requirements", "-",
                    purpose=f"the helpers for Python {interpreter.version} could not be installed", given=requirements,
                    holding=[lock],
                )  # fmt: skip
                await asyncio.to_thread(shutil.rmtree, target / "bin", ignore_errors=True)
                target.replace(folder)


def _remove_all(left: Iterable[Path]) -> None:
    """What those who were killed left half written."""
    for folder in left:
        remove_tree(folder)
