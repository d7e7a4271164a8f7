"""The group of all commands."""

from __future__ import annotations

import click

from weft import __version__
from weft.cli import calling, contracts, deploying, life, machine, making, serving, top, watching
from weft.cli.command import Sections


@click.group(cls=Sections, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="weft")
def cli() -> None:
    """Run plugins, each isolated with its own packages, and replace them without losing a request."""


for module in (serving, deploying, watching, top, calling, contracts, life, making, machine):
    for command in module.COMMANDS:
        cli.add_command(command)
