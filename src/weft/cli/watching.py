"""``weft list``, ``status``, ``logs``, ``events``: what runs, what it printed, what happened."""

from __future__ import annotations

from typing import Any

import click

from weft.cli.command import PLUGIN, Command, Session
from weft.cli.quantities import counts, duration, moment, rate, share, size
from weft.types import LEVELS, OutputLine

_EVENTS = "/api/v1/events"
_PLUGINS = "/api/v1/plugins"
_INDENT = "\n" + " " * 11
"""Of what goes on under the second column of a status."""


@click.command("list", cls=Command)
def list_(session: Session) -> None:
    """What runs, and where."""
    plugins = session.client.get(_PLUGINS)
    columns = ("plugin", "version", "state", "since", "memory", "serves", "title", "authors", "website")
    session.output.table(plugins, columns, [_row(each) for each in plugins])


def _row(plugin: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{plugin['name']}#{plugin['release']}",
        plugin["version"],
        plugin["state"],
        moment(plugin["since"]),
        size(plugin["stats"]["memory"]),
        " ".join(plugin["urls"] or plugin["provides"]),
        plugin["title"],
        ", ".join(plugin["authors"]),
        plugin["homepage"],
    )


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
def status(session: Session, name: str) -> None:
    """One plugin, in full."""
    plugin = session.client.get(_path(name))
    session.output.result(plugin, "\n".join(f"{key:<10} {value}" for key, value in _facts(plugin) if value != ""))


def _facts(plugin: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("plugin", f"{plugin['name']}#{plugin['release']}"),
        ("title", plugin["title"]),
        ("authors", ", ".join(plugin["authors"])),
        ("website", plugin["homepage"]),
        ("version", plugin["version"]),
        ("digest", plugin["digest"]),
        ("state", plugin["state"] + (" (preloaded)" if plugin["preloaded"] else "")),
        ("since", moment(plugin["since"])),
        ("served at", " ".join(plugin["urls"])),
        ("provides", " ".join(plugin["provides"])),
        ("grants", " ".join(plugin["grants"])),
        *_figures(plugin["stats"]),
        ("error", plugin["error"]),
    ]


def _figures(stats: dict[str, Any]) -> list[tuple[str, str]]:
    latency = [f"{duration(stats[key])} ({key})" for key in ("p50", "p90", "p99") if stats[key] is not None]
    return [
        ("memory", size(stats["memory"])),
        ("disk", size(stats["disk"])),
        ("cpu", f"{stats['cpu']:.1f} s, {share(stats['cpu_share'])} % now"),
        ("requests", _counted(stats["requests"], sum(stats["errors"].values()), counts(stats["errors"]))),
        ("calls", _counted(stats["calls"], stats["call_errors"], str(stats["call_errors"]))),
        ("lately", f"{rate(stats['rate'])}/s, {rate(stats['error_rate'])} errors/s"),
        ("latency", ", ".join(latency)),
        ("restarts", str(stats["restarts"])),
        ("limits hit", counts(stats["limits"])),
        ("sandbox", _INDENT.join([stats["sandbox"], *_protections(stats["instances"])])),
        ("instances", _INDENT.join(map(_instance, stats["instances"]))),
    ]


def _counted(number: int, failed: int, errors: str) -> str:
    return f"{number}, errors: {errors}" if failed else str(number)


def _instance(each: dict[str, Any]) -> str:
    parts = [
        f"#{each['release']}" + (" draining" if each["draining"] else ""),
        f"pid {each['pid']}" if each["pid"] is not None else "inline",
        f"{each['in_flight']} in flight",
        f"{size(each['memory'])} (peak {size(each['peak_memory'])})" if each["memory"] else "",
        f"{each['cpu']:.1f} s CPU, {share(each['cpu_share'])} %" if each["processes"] else "",
        f"{each['processes']} processes" if each["processes"] > 1 else "",
    ]
    return ", ".join(filter(None, parts))


def _protections(instances: list[dict[str, Any]]) -> list[str]:
    """How each is enforced: said once, where all instances have the same."""
    reports = {tuple(each["sandbox_details"].items()): each for each in instances}
    whose = {report: f" (pid {each['pid']})" if len(reports) > 1 else "" for report, each in reports.items()}
    return [f"{name}: {how}{whose[report]}" for report in reports for name, how in report]


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
    return f"{moment(line.time)}  {line.level if line.stream != 'host' else 'host':<7}  {line}"


@click.command(cls=Command)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on.")
def events(session: Session, *, follow: bool) -> None:
    """What happened."""
    for event in session.client.lines(_EVENTS, follow=follow):
        session.output.line(event, "\n".join([f"{moment(event['time'])}  {_told(event)}", *_last_lines(event)]))


def _told(event: dict[str, Any]) -> str:
    """Most messages begin with the plugin's name; it is put before the others."""
    name, message = event["plugin"], event["message"]
    return message if message.startswith(name) else f"{name}: {message}"


def _last_lines(event: dict[str, Any]) -> list[str]:
    """What an instance printed last, below the event of its end."""
    return [f"    | {line}" for line in event["data"].get("tail", ())]


def _path(name: str, *more: str) -> str:
    from weft.cli.client import plugin_path

    return plugin_path(name, *more)


COMMANDS = (list_, status, logs, events)
