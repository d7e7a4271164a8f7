"""The command ``weft``. Commands hold no logic: they read arguments, ask the server, and print."""

from __future__ import annotations

import sys
from importlib.util import find_spec

_NEEDED = ("click", "rich", "httpx")


def main() -> None:
    """The console script."""
    if not all(find_spec(name) for name in _NEEDED):
        print("the command weft needs the server extra: pip install 'weft[server]'", file=sys.stderr)
        sys.exit(1)
    from weft.cli.commands import cli

    cli.main(prog_name="weft")
