"""``weft dev``: a server on a folder of its own, and one plugin that is deployed anew whenever its files change."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import watchfiles

from weft.cli.deploying import describe
from weft.cli.output import Output
from weft.cli.sending import sendable
from weft.errors import WeftError
from weft.manifest import read_manifest
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


def develop(source: Path, *, host: str, port: int, output: Output) -> None:
    """Serve ``source`` until Ctrl-C. Raises what keeps the server from starting."""
    with tempfile.TemporaryDirectory(prefix="weft-dev-") as state:
        settings = ServerSettings(host=host, port=port, state=Path(state), http=HttpSettings(access_log=False))
        configure_logging("warning")
        asyncio.run(_serve(settings, source.resolve(), output))


async def _serve(settings: ServerSettings, source: Path, output: Output) -> None:
    with Stopping() as stopping:
        async with adopting(), Server(settings) as server:
            await server.load([], lambda _line: None)
            await stopping.or_done(_follow(server, source, output))


async def _follow(server: Server, source: Path, output: Output) -> None:
    """Deploy, then again at every change. What the plugin prints is shown."""
    changed = asyncio.Event()
    changed.set()
    shown: dict[str, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_watch(source, changed))
        await asyncio.sleep(0)  # what changes while the first deploy goes on is seen
        while await changed.wait():
            changed.clear()
            await _deploy(server, source, output, shown, tasks)


async def _watch(source: Path, changed: asyncio.Event) -> None:
    """A file is watched by its folder, as many editors put another file in its place."""
    alone = await asyncio.to_thread(source.is_file)
    ignored = watchfiles.DefaultFilter()
    changes = watchfiles.awatch(
        source.parent if alone else source,
        recursive=not alone,
        watch_filter=lambda change, path: Path(path) == source if alone else ignored(change, path),
        step=SETTLE_MILLISECONDS,
    )
    async for _ in changes:
        changed.set()


async def _deploy(
    server: Server, source: Path, output: Output, shown: dict[str, asyncio.Task[None]], tasks: asyncio.TaskGroup
) -> None:
    try:
        deployed = await _upload(server, source, output)
    except (WeftError, OSError) as error:
        output.error(error)
        return
    if deployed.changed:
        urls = [server.url(domain) for domain in deployed.domains]
        told = {"name": deployed.name, "release": deployed.release, "changed": True, "urls": urls}
        output.line(told, describe(told))
    if deployed.name not in shown:
        shown[deployed.name] = tasks.create_task(_show_output(server, deployed.name, output))


async def _upload(server: Server, source: Path, output: Output) -> Deployed:
    """The author runs the plugin: it gets what it asks."""
    manifest = await asyncio.to_thread(read_manifest, source)
    allow = tuple(excess.grant for excess in exceeding(manifest, PolicySettings()))
    with sendable(source) as file:
        return await server.operator.deploy(
            Upload(path=file, filename=file.name, allow=allow), progress=output.progress
        )


async def _show_output(server: Server, name: str, output: Output) -> None:
    async for line in server.operator.logs(name, follow=True):
        output.progress(f"{name} | {line.text}")
