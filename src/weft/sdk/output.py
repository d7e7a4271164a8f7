"""The plugin's log records on their way to the host: one line each on stderr, marked with its level."""

from __future__ import annotations

import logging
import sys

MARK = "\x1e"
"""Begins a line of stderr that carries its level: MARK, level, space, text."""

_LEVELS = ((logging.ERROR, "error"), (logging.WARNING, "warning"), (logging.INFO, "info"), (logging.DEBUG, "debug"))


def level_name(number: int) -> str:
    """The level's name among trace, debug, info, warning, error."""
    return next((name for least, name in _LEVELS if number >= least), "trace")


class LevelFormatter(logging.Formatter):
    """Formats a record so that the host can tell its level, line by line."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        text = super().format(record)
        mark = f"{MARK}{level_name(record.levelno)} "
        return mark + text.replace("\n", "\n" + mark)


def install() -> None:
    """Send the root logger's records to the host. A plugin that configures logging itself replaces this."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LevelFormatter("%(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
