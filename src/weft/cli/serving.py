"""``weft serve``"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from weft.cli.command import Command, Session
from weft.types import LEVELS


@click.command(cls=Command)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option("--host", help="Address to listen at.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port for HTTP; 0: any free one.  [default: 3000]")
@click.option(
    "--rpc-port", type=click.IntRange(0, 65535), help="Port for GLoom's RPC.  [default: 7143, where it is free]"
)
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="weft.toml.")
@click.option("--log-level", type=click.Choice(LEVELS), help="[default: info]")
@click.option("--strict", is_flag=True, default=None, help="Exit 1 when a PATH cannot be served.")
def serve(session: Session, paths: tuple[Path, ...], config: Path | None, **flags: Any) -> None:
    """Run the server.

    Each PATH is a plugin or a folder of plugins: loaded first, and not removable by clients.
    """
    import asyncio
    import gc
    import os

    gc.disable()  # what is imported stays: to look for garbage in it takes a fifth of the start
    import uvloop

    from weft.server.app import serve as run
    from weft.server.configuration import read_settings
    from weft.server.logging import configure_logging

    gc.enable()
    given = session.given_state
    flags["state"] = str(given.absolute()) if given else None
    settings = read_settings(config, os.environ, flags, note=session.output.progress)
    configure_logging(settings.log_level)
    try:
        uvloop.run(run(settings, paths, say=session.output.say))
    except asyncio.CancelledError as ended:
        raise KeyboardInterrupt from ended  # a second signal: exit code 1, and no more to say


COMMANDS = (serve,)
