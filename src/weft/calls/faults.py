"""Errors that cross: an exception described as plain values, and made into an error that names the plugin."""

from __future__ import annotations

import importlib
import os
from typing import Any, Dict, Type

from weft.errors import (
    ContractMismatch,
    DeadlineExceeded,
    Overloaded,
    PluginError,
    ProtocolError,
    StartFailed,
    Unavailable,
    WeftError,
    WrongArgument,
    WrongResult,
)

_NOT_THE_PLUGINS = (
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
    os.path.dirname(os.path.abspath(importlib.__file__)),
    "<frozen importlib",
)
_KINDS: Dict[str, Type[WeftError]] = {
    "deadline": DeadlineExceeded,
    "overloaded": Overloaded,
    "unavailable": Unavailable,
    "argument": WrongArgument,
}
_PLUGIN_KINDS: Dict[str, Type[PluginError]] = {
    "raised": PluginError,
    "start": StartFailed,
    "mismatch": ContractMismatch,
    "result": WrongResult,
    "protocol": ProtocolError,
}
MAX_TEXT = 64 * 1024
"""Characters of a message or traceback that cross; the middle of a longer one is left out."""


class Faults:
    """The errors of one plugin, seen from its host."""

    def __init__(self, name: str, version: str = "") -> None:
        self.plugin = {"plugin": name, "version": version}
        self.who = f"plugin {name} {version}".strip()

    @staticmethod
    def describe(error: BaseException) -> Dict[str, str]:
        """An exception as it crosses: ``kind``, ``type``, ``message`` and ``traceback``, all text."""
        if isinstance(error, PluginError):
            kind = next((kind for kind, its in _PLUGIN_KINDS.items() if type(error) is its), "raised")
            return _described(kind, error.type_name, error.message, error.traceback)
        for kind, its in _KINDS.items():
            if isinstance(error, its):
                return _described(kind, "", str(error), "")
        return _described("raised", _type_name(error), _message(error), plugin_traceback(error))

    def error(self, described: Any) -> WeftError:
        """What the other side described, as an exception that names the plugin."""
        if not isinstance(described, dict) or not all(isinstance(part, str) for part in described.values()):
            return ProtocolError("answered with an error that is none", **self.plugin)
        described = {key: _short(part) for key, part in described.items()}
        kind, message = described.get("kind", "raised"), described.get("message", "")
        if kind in _KINDS:
            return _KINDS[kind](f"{self.who}: {message}")
        return _PLUGIN_KINDS.get(kind, PluginError)(
            message, type_name=described.get("type", ""), traceback=described.get("traceback", ""), **self.plugin
        )


def plugin_traceback(error: BaseException) -> str:
    """The traceback as text, without the frames of weft's own that led into the plugin."""
    import traceback as tracebacks

    own = tracebacks.TracebackException.from_exception(error)
    walked = own.stack
    while walked and walked[0].filename.startswith(_NOT_THE_PLUGINS):
        del walked[0]
    return "".join(own.format())


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:
        return f"(its message cannot be shown: {type(broken).__name__})"


def _described(kind: str, type_name: str, message: str, traceback: str) -> Dict[str, str]:
    return {"kind": kind, "type": type_name, "message": _short(message), "traceback": _short(traceback)}


def _short(text: str) -> str:
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT // 2] + "\n… left out …\n" + text[-MAX_TEXT // 2 :]
    return text.encode("utf-8", "backslashreplace").decode()
