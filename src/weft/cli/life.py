"""The life of a plugin that is there: restart, roll back, remove, enable, disable, and what it may have."""

from __future__ import annotations

from typing import Any

import click

from weft.cli.command import LEAVE, PLUGIN, Command, Session
from weft.cli.deploying import describe


def _serve(session: Session, name: str, action: str, body: Any = None) -> None:
    result = _act(session, name, action, body)
    session.output.result(result, describe(result))


def _act(session: Session, name: str, action: str, body: Any = None) -> Any:
    from weft.cli.client import plugin_path

    with session.output.busy(f"{action} {name} …"):
        return session.client.post(plugin_path(name, action), body)


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
def restart(session: Session, name: str) -> None:
    """Run the same release anew; no request is lost."""
    _serve(session, name, "restart")


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
@click.argument("release", required=False)
def rollback(session: Session, name: str, release: str | None) -> None:
    """Go back to RELEASE (a number), or to the release before."""
    number = release.rpartition("#")[2] if release else None
    if number is not None and not number.isdigit():
        raise click.BadParameter("expected the number of a release", param_hint="RELEASE")
    _serve(session, name, "rollback", {"release": int(number) if number else None})


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
def enable(session: Session, name: str) -> None:
    """Start a disabled plugin, now and with the server."""
    _serve(session, name, "enable")


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
def disable(session: Session, name: str) -> None:
    """Stop a plugin, and leave it stopped."""
    _act(session, name, "disable")
    session.output.result({"name": name, "disabled": True}, f"{name} is disabled")


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
@click.option("--purge", is_flag=True, help="Delete its data folder and logs too.")
def remove(session: Session, name: str, *, purge: bool) -> None:
    """Stop and forget a plugin."""
    from weft.cli.client import plugin_path

    with session.output.busy(f"remove {name} …"):
        session.client.delete(plugin_path(name), purge=purge)
    session.output.result({"name": name, "removed": True}, f"{name} is removed")


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
def config(session: Session, name: str) -> None:
    """The keys of a plugin's settings and variables; never a value."""
    from weft.cli.client import plugin_path

    keys = session.client.get(plugin_path(name, "config"))
    rows = [(kind, key) for kind, names in keys.items() for key in names]
    if rows or session.output.json:
        session.output.table(keys, ("kind", "key"), rows)
    else:
        session.output.result(keys, f"{name} was given no settings, variables or grants")


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
@click.argument("permissions", nargs=-1, required=True, type=LEAVE)
def grant(session: Session, name: str, permissions: tuple[str, ...]) -> None:
    """Let a plugin have more than the policy gives, from now on.

    PERMISSIONS are KEY=VALUE each: read=PATH, network=outbound, memory=1GiB, manage … Where that changes what runs, new
    instances take over, and no request is lost; if they do not start, nothing is changed.
    """
    _change_grants(session, name, "grant", permissions)


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
@click.argument("permissions", nargs=-1, required=True, type=LEAVE)
def revoke(session: Session, name: str, permissions: tuple[str, ...]) -> None:
    """Take grants back, from now on; a release that needs one of them is disabled.

    PERMISSIONS are written as `weft config NAME` lists them.
    """
    _change_grants(session, name, "revoke", permissions)


def _change_grants(session: Session, name: str, action: str, permissions: tuple[str, ...]) -> None:
    done = _act(session, name, action, {"permissions": list(permissions)})
    session.output.result(done, _granted(done))


def _granted(done: dict[str, Any]) -> str:
    """``shop is granted memory=1GiB: new instances serve with it``"""
    granted = f"{done['name']} is granted {' '.join(done['grants']) or 'nothing'}"
    if done["disabled"]:
        return f"{granted}, and is disabled: {done['disabled']}"
    return granted + (": new instances serve with that" if done["swapped"] else "")


COMMANDS = (restart, rollback, remove, enable, disable, config, grant, revoke)
