"""``weft call`` and ``weft run``: one call of a plugin on the running server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

import click

from weft.cli.command import PLUGIN, Command, Session


def _json_of(kind: type | tuple[type, ...], expected: str) -> Any:
    """A parser of an argument that is JSON; ``-`` reads it from the standard input."""

    def read(_ctx: click.Context, param: click.Parameter, text: str | None) -> Any:
        if text is None:
            return None
        try:
            value = json.loads(sys.stdin.read() if text == "-" else text)
        except ValueError as error:
            raise click.BadParameter(f"no JSON: {error}", param=param) from None
        if not isinstance(value, kind):
            raise click.BadParameter(f"expected {expected}", param=param)
        return value

    return read


def _target(_ctx: click.Context, param: click.Parameter, text: str) -> str:
    contract, _, method = text.rpartition(".")
    if not contract or not method:
        raise click.BadParameter(
            f"{text!r}: expected CONTRACT.METHOD (weft contract show NAME lists them)", param=param
        )
    return text


_SECONDS = click.FloatRange(min=0, min_open=True)


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
@click.argument("method", metavar="CONTRACT.METHOD", callback=_target)
@click.argument(
    "arguments",
    required=False,
    metavar="[JSON]",
    callback=_json_of((list, dict), "an object (arguments by name) or an array (by position)"),
)
@click.option("--timeout", type=_SECONDS, metavar="SECONDS", help="What it may take, instead of limits.call.")
def call(session: Session, name: str, method: str, arguments: Any, timeout: float | None) -> None:
    """Call one METHOD of a plugin, and print its result as JSON.

    JSON is an object, for arguments by name, or an array; `-` reads it from the standard input. Bytes are base64 text.
    A method that streams prints one line for each item, as it comes.
    """
    body = {"method": method, "arguments": arguments or [], "timeout": timeout}
    answers = session.client.answers(_path(name, "call"), body)
    with _plainly(session):
        with session.output.busy(f"calling {method} …"):
            first = list(islice(answers, 1))
        for answer in chain(first, answers):
            if "item" in answer:
                session.output.json_line(answer["item"])
            else:
                session.output.json_result(answer["result"])


@click.command(cls=Command)
@click.argument("name", type=PLUGIN)
@click.option(
    "--values",
    metavar="JSON",
    callback=_json_of(dict, "an object of values by their keys"),
    help="What it begins with.",
)
@click.option("--timeout", type=_SECONDS, metavar="SECONDS", help="What it may take, instead of limits.call.")
def run(session: Session, name: str, values: Any, timeout: float | None) -> None:
    """Execute a task once, and print its result and the values that it set, as JSON."""
    body = {"values": values or {}, "timeout": timeout}
    with _plainly(session), session.output.busy(f"running {name} …"):
        session.output.json_result(session.client.post(_path(name, "run"), body))


@contextmanager
def _plainly(session: Session) -> Iterator[None]:
    """What the plugin raised is told by its name; where it was raised, under --debug."""
    from weft.cli.client import ServerError

    try:
        yield
    except ServerError as error:
        if not session.output.debug:
            error.traceback = ""
        raise


def _path(name: str, action: str) -> str:
    from weft.cli.client import plugin_path

    return plugin_path(name, action)


COMMANDS = (call, run)
