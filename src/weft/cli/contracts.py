"""``weft contract show``: what a plugin provides, or what a contract's class says."""

from __future__ import annotations

from typing import Any

import click

from weft.cli.command import PLUGIN, Command, Session


@click.group()
def contract() -> None:
    """What plugins provide."""


@contract.command(cls=Command)
@click.argument("name", type=PLUGIN, metavar="NAME|MODULE:CLASS")
def show(session: Session, name: str) -> None:
    """Print the contracts of a plugin that runs, or of a class, as Python declares them.

    MODULE:CLASS is imported from the current folder, or wherever Python finds it, and needs no server. With --json, in
    the form that does not depend on Python: types as JSON Schema.
    """
    told = [_declared(name)] if ":" in name else session.client.get(_path(name))
    if told or session.output.json:
        session.output.result(told, "\n\n\n".join(map(_source, told)))
    else:
        session.output.result(told, f"{name} provides web pages, and no contract that can be called")


def _declared(target: str) -> Any:
    from weft.cli.declared import host_contract
    from weft.server.json_form import described_json

    return described_json(host_contract(target).described)


def _source(told: Any) -> str:
    from weft.packages.contract_source import ContractSource
    from weft.server.json_form import described_plain

    return ContractSource(described_plain(told)).protocol()


def _path(name: str) -> str:
    from weft.cli.client import plugin_path

    return plugin_path(name, "contracts")


COMMANDS = (contract,)
