"""What a runtime may do: the parts of the conformance kit, and which runtimes cannot do which of them, and why."""

from __future__ import annotations

from collections.abc import Mapping

CAPABILITIES: Mapping[str, str] = {
    "calls": "arguments by position, by keyword and by default; `def` and `async def`; many at once",
    "types": "every type that contracts may name, nested ones too",
    "classes": "records and enumerations arrive as the receiver's own classes",
    "large": "arguments and results of several MiB",
    "streams": "streams out and in, with back-pressure; one that is left stops its producer",
    "callbacks": "callbacks that are told, asked or awaited",
    "callbacks that end": "a callback is refused once the call that it was given to has ended",
    "constants": "constants, and bodies of the contract for methods that a plugin lacks",
    "negotiation": "a plugin that does not fit is refused with both sides shown",
    "errors": "exceptions as PluginError, declared ones as themselves",
    "any exception": "KeyboardInterrupt and GeneratorExit of a plugin are errors of its call too",
    "checks": "arguments and results of a wrong type are refused (inline: in tests and in `weft dev`)",
    "deadlines": "`weft.deadline` and cancelling end a call on the plugin's side",
    "limits.call": "a call that takes longer than the plugin's limit is ended, even if it never yields",
    "upgrades": "an upgrade under calls loses none",
    "hooks": "hook chains in order, across runtimes",
    "peers": "plugins that call each other, with leave, and back into their caller",
    "life": "configuration, data folder, stopping",
    "isolation": "a plugin that crashes ends nothing but itself, and is started again",
    "own environment": "variables, standard output and memory of its own",
}

LACKING: Mapping[str, Mapping[str, str]] = {
    "process": {},
    "inline": {
        "classes": "objects are handed over as they are",
        "callbacks that end": "functions are handed over as they are",
        "any exception": "the two go through as they are: they may be the host's own",
        "limits.call": "inline calls carry no timer; `weft.deadline` holds wherever the plugin awaits",
        "isolation": "a plugin in the host's process can end it",
        "own environment": "the host's are the plugin's",
    },
}
"""By runtime, then by capability, the reason."""


def lacking(runtime: str, capability: str) -> str:
    """Why that runtime cannot do it; '' where it can. Raises KeyError for a capability that does not exist."""
    if capability not in CAPABILITIES:
        raise KeyError(capability)
    return LACKING.get(runtime, {}).get(capability, "")


def capabilities_table() -> str:
    """The table of the documentation, in Markdown."""
    runtimes = list(LACKING)
    head = [f"| | {' | '.join(f'`{each}`' for each in runtimes)} |", f"|---|{'---|' * len(runtimes)}"]
    rows = [
        f"| **{name}**: {text} | {' | '.join(_cell(runtime, name) for runtime in runtimes)} |"
        for name, text in CAPABILITIES.items()
    ]
    return "\n".join([*head, *rows])


def _cell(runtime: str, capability: str) -> str:
    reason = lacking(runtime, capability)
    return f"no: {reason}" if reason else "yes"
