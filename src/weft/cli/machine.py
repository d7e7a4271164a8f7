"""``weft doctor`` and ``weft completion``."""

from __future__ import annotations

import click

from weft.cli.command import Command, Session


@click.command(cls=Command)
def doctor(session: Session) -> None:
    """What this machine has and can enforce, and what each missing thing costs."""
    import asyncio

    from weft.cli.examination import examine

    with session.output.busy("looking around …"):
        facts = asyncio.run(examine(session.state))
    rows = [("ok" if each["ok"] else "missing", each["name"], each["detail"]) for each in facts]
    session.output.table(facts, ("", "what", "found"), rows)


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, session: Session, shell: str) -> None:
    """Print the completion of a SHELL: `eval "$(weft completion bash)"`."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "weft", "_WEFT_COMPLETE").source()
    session.output.result({"shell": shell, "script": script}, script)


COMMANDS = (doctor, completion)
