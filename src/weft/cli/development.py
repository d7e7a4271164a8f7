"""``weft dev``: a server on a folder of its own, and one plugin that is deployed anew whenever its files change."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import watchfiles

from weft.cli.deploying import describe
from weft.cli.output import Output
from weft.cli.sending import sendable
from weft.contracts.description import Contract
from weft.errors import PluginError, WeftError
from weft.manifest import Manifest, read_manifest
from weft.server.app import Server
from weft.server.logging import configure_logging
from weft.server.management.orphans import adopting
from weft.server.policy import exceeding
from weft.server.signals import Stopping
from weft.server.status import Deployed
from weft.server.uploads import Upload
from weft.settings import HttpSettings, PolicySettings, ServerSettings

SETTLE_MILLISECONDS = 100
"""Editors write a file in several steps."""
TASK = "task@1"


def develop(source: Path, *, host: str, port: int, output: Output, debugger: bool = False) -> None:
    """Serve ``source`` until Ctrl-C. Raises what keeps the server from starting."""
    with tempfile.TemporaryDirectory(prefix="weft-dev-") as state:
        quiet = HttpSettings(access_log=False)
        settings = ServerSettings(host=host, port=port, rpc_port=0, state=Path(state), http=quiet)
        configure_logging("warning")
        asyncio.run(_Development(source.resolve(), settings, output, debugger=debugger).run())


class _Development:
    """One plugin under development, on a server of its own."""

    def __init__(self, source: Path, settings: ServerSettings, output: Output, *, debugger: bool) -> None:
        self._source = source
        self._output = output
        self._state = settings.state
        self._changed = asyncio.Event()
        self._server = Server(
            settings,
            output=lambda name, line: output.progress(f"{name} | {line}"),
            checked=True,
            debug=(source.parent if source.is_file() else source) if debugger else None,
        )

    async def run(self) -> None:
        """Until a signal comes."""
        with Stopping() as stopping:
            self._output.progress("starting a server; Ctrl-C ends it")
            async with adopting(), self._server:
                await self._server.load([], lambda _line: None)
                await stopping.or_done(self._follow())

    async def _follow(self) -> None:
        """Deploy, then again at every change."""
        self._changed.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            await asyncio.sleep(0)  # what changes while the first deploy goes on is seen
            while await self._changed.wait():
                self._changed.clear()
                await self._deploy()

    async def _watch(self) -> None:
        """A file is watched by its folder, as many editors put another file in its place."""
        source = self._source
        alone = await asyncio.to_thread(source.is_file)
        ignored = watchfiles.DefaultFilter()
        changes = watchfiles.awatch(
            source.parent if alone else source,
            recursive=not alone,
            watch_filter=lambda change, path: Path(path) == source if alone else ignored(change, path),
            step=SETTLE_MILLISECONDS,
        )
        async for _ in changes:
            self._changed.set()

    async def _deploy(self) -> None:
        try:
            manifest = await asyncio.to_thread(read_manifest, self._source)
            self._output.progress(f"starting {manifest.name} {manifest.version}")
            deployed = await self._upload(manifest)
        except (WeftError, OSError) as error:
            if isinstance(error, PluginError) and not error.type_name:
                error.traceback = ""  # what it printed last, which was shown as it came
            self._output.error(error)
            return
        if deployed.changed:
            self._tell(deployed)

    async def _upload(self, manifest: Manifest) -> Deployed:
        """The author runs the plugin: it gets what it asks."""
        allow = tuple(excess.grant for excess in exceeding(manifest, PolicySettings()))
        with sendable(self._source) as file:
            return await self._server.operator.deploy(
                Upload(path=file, filename=file.name, allow=allow), progress=self._output.progress
            )

    def _tell(self, deployed: Deployed) -> None:
        urls = [self._server.url(domain) for domain in deployed.domains]
        told = {
            "name": deployed.name,
            "release": deployed.release,
            "changed": True,
            "urls": urls,
            "provides": deployed.provides,
            "state": str(self._state),
        }
        self._output.line(told, describe(told))
        for line in self._calls(deployed.name):
            self._output.progress(line)

    def _calls(self, name: str) -> Iterator[str]:
        """How each of its methods is called."""
        for key, described in self._server.fleet.described(name).items():
            if key == TASK:
                yield f"  weft run {name} --state {self._state} --values JSON"
                continue
            for method in Contract.parse(described).methods.values():
                target = f"{key.removesuffix('@1')}.{method.name}"
                yield f"  weft call {name} {target} JSON --state {self._state}   # {method.signature()}"
