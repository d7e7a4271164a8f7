"""``weft list``, ``status``, ``logs``, ``events``: what runs, what it printed, what happened."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from weft.cli.command import PLUGIN, Command, Session
from weft.types import LEVELS, OutputLine

_EVENTS = "/api/v1/events"
_PLUGINS = "/api/v1/plugins"


@click.command("list", cls=Command)
def list_(session: Session) -> None:
    """What runs, and where."""
    plugins = session.client.get(_PLUGINS)
    columns = ("plugin", "version", "state", "since", "memory", "serves")
    session.output.table(plugins, columns, [_row(each) for each in plugins])


def _row(plugin: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{plugin['name']}#{plugin['release']}",
        plugin["version"],
        plugin["state"],
        _time(plugin["since"]),
        _size(plugin["stats"].get("memory", 0)),
        " ".join(plugin["urls"] or plugin["provides"]),
    )


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
def status(session: Session, name: str) -> None:
    """One plugin, in full."""
    plugin = session.client.get(_path(name))
    session.output.result(plugin, "\n".join(f"{key:<10} {value}" for key, value in _facts(plugin) if value != ""))


def _facts(plugin: dict[str, Any]) -> list[tuple[str, str]]:
    stats = plugin["stats"]
    instances = (f"pid {each['pid']} {each['state']}, {each['in_flight']} in flight" for each in plugin["instances"])
    return [
        ("plugin", f"{plugin['name']}#{plugin['release']}"),
        ("title", plugin["title"]),
        ("version", plugin["version"]),
        ("digest", plugin["digest"]),
        ("state", plugin["state"] + (" (preloaded)" if plugin["preloaded"] else "")),
        ("since", _time(plugin["since"])),
        ("served at", " ".join(plugin["urls"])),
        ("provides", " ".join(plugin["provides"])),
        ("grants", " ".join(plugin["grants"])),
        ("memory", _size(stats.get("memory", 0))),
        ("cpu", f"{stats.get('cpu', 0):.1f} s"),
        ("restarts", str(stats.get("restarts", 0))),
        ("instances", "\n           ".join(instances)),
        ("draining", str(len(plugin["draining"]) or "")),
        ("error", plugin["error"]),
    ]


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
@click.option("-f", "--follow", is_flag=True, help="Go on with what it prints from now on.")
@click.option("--level", type=click.Choice(LEVELS), default="trace", show_default=True, help="This level and above.")
def logs(session: Session, name: str, *, follow: bool, level: str) -> None:
    """What a plugin printed."""
    for line in session.client.lines(_path(name, "logs"), follow=follow, level=level):
        session.output.line(line, _printed(OutputLine(**line)))


def _printed(line: OutputLine) -> str:
    """What the host notes says so where a plugin has its level: no plugin can say that."""
    return f"{_time(line.time)}  {line.level if line.stream != 'host' else 'host':<7}  {line}"


@click.command(cls=Command)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on.")
def events(session: Session, *, follow: bool) -> None:
    """What happened."""
    for event in session.client.lines(_EVENTS, follow=follow):
        session.output.line(event, f"{_time(event['time'])}  {_told(event)}")


def _told(event: dict[str, Any]) -> str:
    """Most messages begin with the plugin's name; it is put before the others."""
    name, message = event["plugin"], event["message"]
    return message if message.startswith(name) else f"{name}: {message}"


def _path(name: str, *more: str) -> str:
    from weft.cli.client import plugin_path

    return plugin_path(name, *more)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S") if seconds else ""


def _size(size: float) -> str:
    return f"{size / 1024 / 1024:.1f} MiB" if size else ""


COMMANDS = (list_, status, logs, events)
