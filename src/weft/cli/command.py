"""What every command has: ``--json``, ``--debug``, ``--state``, errors without traceback, and its place in the help."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from weft.cli.output import Output
from weft.errors import WeftError

SECTIONS = (
    ("Serve", ("serve",)),
    ("Deploy", ("deploy", "config")),
    ("Watch", ("list", "status", "top", "logs", "events")),
    ("Call", ("call", "run", "contract")),
    ("Live", ("restart", "rollback", "remove", "enable", "disable")),
    ("Allow", ("grant", "revoke")),
    ("Make", ("new", "check", "pack", "dev")),
    ("Machine", ("doctor", "completion")),
)
"""Headings of ``weft --help``, each with its commands, in order."""


class PluginName(click.ParamType):  # type: ignore[type-arg]
    """The name of a plugin. A shell completes it, as far as a server answers at once."""

    name = "plugin"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """See click."""
        names = [each["name"] for each in _answer(ctx, "/api/v1/plugins") or ()]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


PLUGIN = PluginName()


class Leave(click.ParamType):  # type: ignore[type-arg]
    """What a plugin may have: KEY=VALUE. A shell completes it; for `weft revoke` with what the plugin was granted."""

    name = "permission"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """See click."""
        from weft.server.policy import spellings

        known = self._granted(ctx) if ctx.info_name == "revoke" else spellings()
        return [CompletionItem(each) for each in known if each.startswith(incomplete)]

    def _granted(self, ctx: click.Context) -> list[str]:
        from weft.cli.client import plugin_path

        plugin = _answer(ctx, plugin_path(str(ctx.params.get("name"))))
        return list(plugin["grants"]) if plugin else []


LEAVE = Leave()


def _answer(ctx: click.Context, path: str) -> Any:
    """What the server says to a shell that completes; None where there is nobody to ask, as shells show no errors."""
    from weft.cli.client import Client
    from weft.settings import default_state

    state = ctx.params.get("state") or default_state(os.environ)
    try:
        return Client(state.absolute(), token=os.environ.get("WEFT_TOKEN")).get(path)
    except (WeftError, OSError):
        return None


class Session:
    """What one run of a command works with. The server is only looked for when it is asked something."""

    def __init__(self, *, json: bool, debug: bool, state: Path | None) -> None:
        self.output = Output(json=json, debug=debug)
        self.given_state = state

    @property
    def state(self) -> Path:
        """The server's STATE folder."""
        from weft.settings import default_state

        return (self.given_state or default_state(os.environ)).absolute()

    @property
    def client(self) -> Any:
        """The running server. See client.Client."""
        from weft.cli.client import Client

        return Client(self.state, token=os.environ.get("WEFT_TOKEN"))


class Command(click.Command):
    """A command that takes a Session as its first argument. A failure is told by ``Output``, with exit code 1."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {name for param in self.params for name in param.opts}
        debug = click.Option(["--debug"], is_flag=True, envvar="WEFT_DEBUG", help="Show tracebacks of errors.")
        self.params += [
            click.Option(["--json"], is_flag=True, help="Print JSON."),
            *([] if "--debug" in own else [debug]),
            click.Option(
                ["--state"], type=click.Path(path_type=Path), help="The server's folder [default: $WEFT_STATE]."
            ),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """See click."""
        given = ctx.params
        session = Session(json=given.pop("json"), debug=given.pop("debug", False), state=given.pop("state"))
        given["session"] = session
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader has enough: click ends quietly
        except (WeftError, OSError) as error:
            session.output.error(error)
            ctx.exit(1)
        except KeyboardInterrupt:
            ctx.exit(1)


class Sections(click.Group):
    """A group whose help is in sections."""

    command_class = Command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """See click."""
        for heading, names in SECTIONS:
            rows = [(name, self.commands[name].get_short_help_str(80)) for name in names if name in self.commands]
            with formatter.section(heading):
                formatter.write_dl(rows)


def pairs(_ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """``KEY=VALUE`` options as a mapping. Raises wrong usage."""
    split = [value.partition("=") for value in values]
    for key, equals, _ in split:
        if not key or not equals:
            raise click.BadParameter("expected KEY=VALUE", param=param)
    return {key: value for key, _, value in split}


def variables(_ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """``KEY=VALUE``, or ``KEY`` for the variable's value here, which keeps secrets out of the shell's history."""
    found = {}
    for value in values:
        key, equals, given = value.partition("=")
        if not key or (not equals and key not in os.environ):
            raise click.BadParameter(
                f"{key or value!r}: expected KEY=VALUE, or KEY of a variable that is set", param=param
            )
        found[key] = given if equals else os.environ[key]
    return found
