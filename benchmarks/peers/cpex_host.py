"""cpex's host, with one plugin of its kind "isolated_venv": a worker process in an environment of its own, JSON lines.

cpex makes the plugin's environment at the first start, by an installation from the index; here it finds the one where
its own pinned packages are, with the note that says so, as at every later start. JSON carries no bytes: the payload is
text of as many characters.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import shutil
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvloop

from loops import serve

HERE = Path(__file__).parent
THREADS = 32
"""cpex waits for each call in a thread of the loop's executor, of which two cores would have six."""


def lay_out(folder: Path) -> None:
    """A project as cpex wants it below the working directory, its worker's script included."""
    plugin = folder / "plugins/cpex_plugin"
    shutil.copytree(HERE / "cpex_plugin", plugin)
    (folder / "cpex").symlink_to(Path(sysconfig.get_path("purelib")) / "cpex")
    (plugin / ".venv").symlink_to(sys.prefix)
    note = plugin / ".cpex/venv_cache/.venv_metadata.json"
    note.parent.mkdir(parents=True)
    note.write_text(json.dumps({"requirements_hash": hashlib.sha256().hexdigest()}))


async def main() -> None:
    # Imported here, as it looks at the working directory when it is imported.
    from cpex.framework import GlobalContext, PluginManager, ToolPreInvokePayload  # noqa: PLC0415

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    manager = PluginManager("plugins/cpex_plugin/config.yaml")
    await manager.initialize()

    async def echo(text: str) -> str:
        payload = ToolPreInvokePayload(name="echo", args={"text": text})
        result, _ = await manager.invoke_hook("tool_pre_invoke", payload, GlobalContext(request_id="1"))
        back: str = result.modified_payload.args["text"]
        return back

    await echo("")
    await serve(echo, payload=lambda size: "x" * size)
    await manager.shutdown()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder))
        os.chdir(folder)
        uvloop.run(main())
