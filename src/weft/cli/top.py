"""``weft top``: what every plugin does and uses, again and again."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import click

from weft.cli.command import Command, Session
from weft.cli.output import Output
from weft.cli.quantities import duration, rate, share, size

COLUMNS = (
    "name", "release", "state", "inst", "mem", "cpu %", "req/s", "err/s", "p50", "p99", "restarts", "limits", "sandbox",
)  # fmt: skip
_DISPENSABLE = ("sandbox", "release", "p50", "inst", "limits", "restarts", "err/s", "p99", "mem", "req/s", "state")
"""Columns that a narrow terminal does not show, the first first."""


@click.command(cls=Command)
@click.option(
    "--interval", type=click.FloatRange(min=0.5), default=2.0, show_default=True, help="Seconds between two looks."
)
@click.option("--once", is_flag=True, help="Look once; otherwise, q or Ctrl-C ends it.")
def top(session: Session, *, interval: float, once: bool) -> None:
    """What every plugin does and uses, the busiest first."""
    output, looks = session.output, _looks(session.client)
    try:
        if once:
            _print(output, next(looks))
        elif not output.json and sys.stdin.isatty() and sys.stdout.isatty():
            _watch(looks, interval)
        else:
            for plugins in looks:
                _print(output, plugins)
                time.sleep(interval)
    except KeyboardInterrupt:
        return  # the usual way to end it


def _looks(client: Any) -> Iterator[list[dict[str, Any]]]:
    while True:
        yield sorted(client.get("/api/v1/top"), key=_busiest)


def _print(output: Output, plugins: list[dict[str, Any]]) -> None:
    if output.json:
        output.json_line(plugins)
    else:
        output.table(plugins, COLUMNS, [_row(each) for each in plugins])
        sys.stdout.flush()  # whoever reads it may wait for it


def _watch(looks: Iterator[list[dict[str, Any]]], interval: float) -> None:
    from weft.cli.screen import screen

    with screen() as shown:
        for plugins in looks:
            shown.draw(COLUMNS, [_row(each) for each in plugins], _DISPENSABLE)
            if shown.ended_within(interval):
                return


def _busiest(plugin: dict[str, Any]) -> tuple[float, float, str]:
    stats = plugin["stats"]
    return -stats["cpu_share"], -stats["rate"], plugin["name"]


def _row(plugin: dict[str, Any]) -> tuple[str, ...]:
    stats = plugin["stats"]
    draining = sum(each["draining"] for each in stats["instances"])
    return (
        plugin["name"],
        f"#{plugin['release']}",
        plugin["state"],
        f"{len(stats['instances']) - draining}" + (f"+{draining}" if draining else ""),
        size(stats["memory"]),
        share(stats["cpu_share"]),
        rate(stats["rate"]),
        rate(stats["error_rate"]),
        duration(stats["p50"]),
        duration(stats["p99"]),
        str(stats["restarts"]),
        str(sum(stats["limits"].values())),
        stats["sandbox"],
    )


COMMANDS = (top,)
