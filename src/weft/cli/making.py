"""``weft new``, ``check``, ``pack``, ``dev``: for authors. None of them needs a running server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weft.cli.command import Command, Session
from weft.errors import UsageError

if TYPE_CHECKING:
    from weft.packages.contract_plugin import HostContract

FORMS = ("gloom", "stockpile", "szlabs")
"""Of other systems, that new plugins can be made in."""


@click.command(cls=Command)
@click.argument("name")
@click.option("--web", is_flag=True, help="A web application (the default).")
@click.option("--task", is_flag=True, help="A task: a function that is executed on values.")
@click.option("--form", type=click.Choice(FORMS), help="As another system has its plugins.")
@click.option("--contract", metavar="MODULE:CLASS", help="What your application's contract says.")
def new(session: Session, name: str, *, web: bool, task: bool, form: str | None, contract: str | None) -> None:
    """Make a plugin: a folder NAME with its code, a test, and its manifest.

    With --contract, MODULE is imported from the current folder, or wherever Python finds it; the plugin's class has
    every method of CLASS, and returns the simplest values there are.
    """
    from weft.packages.scaffold import scaffold

    if web + task + (form is not None) + (contract is not None) > 1:
        raise click.UsageError("--web, --task, --form and --contract exclude each other")
    folder = Path(name)
    scaffold(folder.name, _kind(contract) if contract else form or ("task" if task else "web"), folder.parent)
    session.output.result({"folder": str(folder)}, f"{folder}/ is made: try it with `weft dev {folder}`")


def _kind(contract: str) -> HostContract:
    from weft.cli.declared import host_contract

    return host_contract(contract)


@click.command(cls=Command)
@click.argument("source", type=click.Path(path_type=Path, exists=True))
def check(session: Session, source: Path) -> None:
    """Read a plugin's manifest and code, running nothing; every problem at once."""
    from dataclasses import replace

    from weft.cli.leave import leave_notes
    from weft.cli.report import describe_report, lines_of
    from weft.manifest import check as examine

    report = examine(source)
    if report.manifest is not None:
        notes = leave_notes(source, report.manifest, session.state)
        report = replace(report, notes=(*report.notes, *notes))
    session.output.result(describe_report(report), "\n".join(lines_of(report)))
    if not report.ok:
        raise click.exceptions.Exit(1)


@click.command(cls=Command)
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), help="[default: NAME-VERSION.plg]")
def pack(session: Session, source: Path, target: Path | None) -> None:
    """Pack a plugin's folder into a .plg archive, the same bytes each time."""
    from weft.manifest import read_manifest
    from weft.packages.archives import pack as write

    manifest = read_manifest(source)
    archive = write(source, target or Path(f"{manifest.name}-{manifest.version}.plg"))
    session.output.result({"archive": str(archive), "bytes": archive.stat().st_size}, str(archive))


@click.command(cls=Command)
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=3000, show_default=True, help="0: any free one.")
@click.option("--debug", "debugger", is_flag=True, help="Wait for a debugger in its process, and lift its deadlines.")
def dev(session: Session, source: Path, host: str, port: int, *, debugger: bool) -> None:
    """Serve one plugin, and load it anew when its files change.

    A version that does not start prints its traceback, and the one before goes on serving. A plugin that provides a
    contract is called with `weft call`, in the way that is printed.
    """
    if session.given_state is not None:
        raise UsageError("weft dev has a state of its own: leave --state out")
    from weft.cli.development import develop

    develop(source, host=host, port=port, output=session.output, debugger=debugger)


COMMANDS = (new, check, pack, dev)
