"""Errors that cross: an exception described as plain values, and made into an error that names the plugin."""

from __future__ import annotations

import importlib
import os
from typing import Any, Dict, Sequence, Type

from weft.errors import (
    ContractMismatch,
    DeadlineExceeded,
    Overloaded,
    PluginError,
    ProtocolError,
    Refused,
    StartFailed,
    Unavailable,
    UsageError,
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
_HOST_KINDS: Dict[str, Type[WeftError]] = {"refused": Refused, "usage": UsageError}
"""What a host alone says to a plugin; at the host they would be the plugin's own."""
MAX_TEXT = 64 * 1024
"""Characters of a message or traceback that cross; the middle of a longer one is left out."""


class DeclaredError(PluginError):
    """An exception that the method's contract declares, on its way: whoever knows its class makes it anew."""

    arguments: Any = ()

    @classmethod
    def of(cls, error: BaseException, name: str) -> DeclaredError:
        """``error``, which is (or is derived from) the declared exception ``name``."""
        from weft.contracts import dynamic

        declared = cls(_message(error), type_name=name, traceback=plugin_traceback(error))
        try:
            declared.arguments = dynamic.pack(list(error.args))
        except Exception:  # an argument that cannot cross goes as text
            declared.arguments = [_message(error)]
        return declared

    def itself(self, classes: Sequence[Type[BaseException]]) -> BaseException:
        """The exception that was raised, as one of ``classes``; the error as it came where it cannot be made."""
        from weft.contracts import dynamic

        known = next((each for each in classes if each.__name__ == self.type_name), None)
        try:
            made = self if known is None else known(*dynamic.unpack(self.arguments))
        except Exception:
            return self
        made.__cause__ = self
        return made


_PLUGIN_KINDS: Dict[str, Type[PluginError]] = {
    "raised": PluginError,
    "start": StartFailed,
    "mismatch": ContractMismatch,
    "result": WrongResult,
    "protocol": ProtocolError,
    "declared": DeclaredError,
}


class Faults:
    """The errors of one plugin, seen from its host; or of the host, which ``relays`` those of other plugins."""

    def __init__(self, name: str, version: str = "", *, relays: bool = False) -> None:
        self._relays = relays
        self.plugin = {"plugin": name, "version": version}
        self.who = f"plugin {name} {version}".strip()

    @staticmethod
    def describe(error: BaseException) -> Dict[str, Any]:
        """An exception as it crosses: ``kind``, ``type``, ``message`` and ``traceback``, all text.

        One that a contract declares has its ``arguments`` besides; one of another plugin says of which.
        """
        if isinstance(error, DeclaredError):
            described = _described("declared", error.type_name, error.message, error.traceback)
            return {**described, "arguments": error.arguments}
        if isinstance(error, PluginError):
            kind = next((kind for kind, its in _PLUGIN_KINDS.items() if type(error) is its), "raised")
            described = _described(kind, error.type_name, error.message, error.traceback)
            return {**described, "plugin": error.plugin, "version": error.version} if error.plugin else described
        for kind, its in _KINDS.items():
            if isinstance(error, its):
                return _described(kind, "", str(error), "")
        for kind, its in _HOST_KINDS.items():
            if isinstance(error, its):
                return _described(kind, _type_name(error), str(error), plugin_traceback(error))
        return _described("raised", _type_name(error), _message(error), plugin_traceback(error))

    def error(self, described: Any) -> WeftError:
        """What the other side described, as an exception that names the plugin."""
        arguments = described.pop("arguments", None) if isinstance(described, dict) else None
        if not isinstance(described, dict) or not all(isinstance(part, str) for part in described.values()):
            return ProtocolError("answered with an error that is none", **self.plugin)
        described = {key: _short(part) for key, part in described.items()}
        kind, message = described.get("kind", "raised"), described.get("message", "")
        if kind in _KINDS:
            return _KINDS[kind](message if self._relays else f"{self.who}: {message}")
        if kind in _HOST_KINDS and self._relays:
            return _HOST_KINDS[kind](message)
        whose = {"plugin": described.get("plugin", ""), "version": described.get("version", "")}
        type_name, traceback = described.get("type", ""), described.get("traceback", "")
        if not whose["plugin"] or not self._relays:
            if whose["plugin"]:  # another plugin's, which this one did not handle
                kind, message = "raised", str(PluginError(message, type_name=type_name, **whose))
                type_name = PluginError.__name__
            whose = self.plugin
        error = _PLUGIN_KINDS.get(kind, PluginError)(message, type_name=type_name, traceback=traceback, **whose)
        if isinstance(error, DeclaredError):
            error.arguments = arguments
        return error


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
    except BaseException as broken:
        return f"(its message cannot be shown: {type(broken).__name__})"


def _described(kind: str, type_name: str, message: str, traceback: str) -> Dict[str, str]:
    return {"kind": kind, "type": type_name, "message": _short(message), "traceback": _short(traceback)}


def _short(text: str) -> str:
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT // 2] + "\n… left out …\n" + text[-MAX_TEXT // 2 :]
    return text.encode("utf-8", "backslashreplace").decode()
