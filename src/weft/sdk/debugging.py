"""Lets a debugger in before any of the plugin's own code runs: see ``weft dev --debug``.

Imported inside plugins: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any, Dict, Optional, Tuple

from weft.errors import StartFailed

VARIABLE = "WEFT_DEBUGGER"
"""Set where a debugger is to be waited for: JSON with ``lent``, the folder of the host's debugpy ('' where it has
none), and ``source``, the folder in which the plugin is edited."""
PORT = 5678
"""Where editors look first; any free port where it is taken."""


def wait_for_debugger(name: str, folder: str) -> None:
    """Listen on loopback, say where, and return once a debugger has attached.

    ``folder`` is where the plugin's files lie. Raises StartFailed where there is no debugpy.
    """
    settings = json.loads(os.environ.pop(VARIABLE))
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # it warns of modules that nobody steps into
    debugpy = _debugpy(settings["lent"])
    host, port = debugpy.listen(("127.0.0.1", _free_port()))
    launch = json.dumps(_launch(name, host, port, settings["source"], folder))
    print(f"waiting for a debugger at {host}:{port}; for VS Code's launch.json: {launch}", flush=True)  # noqa: T201
    debugpy.wait_for_client()
    print("the debugger is attached", flush=True)  # noqa: T201


def _debugpy(lent: str) -> Any:
    """The plugin's own, or else its host's."""
    if lent:
        _lend(lent)
    from importlib import import_module

    try:
        return import_module("debugpy")
    except ImportError as error:
        raise StartFailed(
            f"debugpy cannot be imported ({error}), neither from the plugin's environment nor from its host's: "
            "pip install debugpy (or uv pip install debugpy) beside weft, or name it in the plugin's dependencies"
        ) from error


def _lend(folder: str) -> None:
    """Make ``import debugpy`` find the host's, and nothing else that lies beside it, where the plugin has none."""
    from importlib.machinery import PathFinder

    class LentDebugpy:
        @staticmethod
        def find_spec(name: str, _path: object = None, target: Optional[Any] = None) -> Any:
            return PathFinder.find_spec(name, [folder], target) if name == "debugpy" else None

    sys.meta_path.append(LentDebugpy)


def _free_port() -> int:
    """An earlier version that still drains may have the usual one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        found: Tuple[str, int] = probe.getsockname()
        return found[1]


def _launch(name: str, host: str, port: int, source: str, folder: str) -> Dict[str, Any]:
    """What runs is a copy: breakpoints are set in the source."""
    return {
        "name": f"weft: {name}",
        "type": "debugpy",
        "request": "attach",
        "connect": {"host": host, "port": port},
        "pathMappings": [{"localRoot": source, "remoteRoot": folder}],
    }
