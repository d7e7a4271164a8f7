"""``weft deploy`` and what it needs to be understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from weft.cli.command import LEAVE, Command, Session, pairs, variables
from weft.cli.sending import SourceType, sendable


@click.command(cls=Command)
@click.argument("source", type=SourceType())
@click.option("--name", help="Its name, where the plugin's own will not do.")
@click.option("--domain", "domains", multiple=True, help="Serve it there; may be repeated.")
@click.option("--set", "config", multiple=True, metavar="KEY=VALUE", callback=pairs, help="A setting; JSON or text.")
@click.option("--env", multiple=True, metavar="KEY[=VALUE]", callback=variables, help="A variable, never shown.")
@click.option("--config-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Settings.")
@click.option("--allow", multiple=True, type=LEAVE, metavar="KEY=VALUE", help="Let it have more than the policy gives.")
@click.option("--rollback", type=click.Choice(("manual", "auto")), help="auto: if it fails soon, the old one serves.")
def deploy(
    session: Session, source: Path | str, config: dict[str, str], config_file: Path | None, **given: Any
) -> None:
    """Let SOURCE serve, in place of what runs under its name.

    SOURCE is a folder, a .plg archive, a single .py file, or the address of a file, https://…#sha256=HEX. Returns when
    the new release serves; if it does not start, what ran before has not noticed. Settings and variables are kept with
    the plugin.
    """
    fields = {
        "name": given["name"],
        "domains": list(given["domains"]),
        "config": json.dumps({key: _value(text) for key, text in config.items()}),
        "env": json.dumps(given["env"]),
        "allow": list(given["allow"]),
        "rollback": given["rollback"],
        "config_file": config_file.read_bytes() if config_file else None,
    }
    with sendable(source) as file:
        sent = {key: value for key, value in fields.items() if value}
        result = session.client.deploy(file, sent, session.output.progress)
    session.output.result(result, describe(result))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def describe(result: dict[str, Any]) -> str:
    """``shop#7 serves at http://shop.localhost:3000``; without pages ``fast-thumbs#2 serves thumbnailer@1``."""
    told = f"{result['name']}#{result['release']} serves" + (" already" if not result["changed"] else "")
    return f"{told} at {', '.join(result['urls'])}" if result["urls"] else f"{told} {', '.join(result['provides'])}"


COMMANDS = (deploy,)
