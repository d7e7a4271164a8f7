"""The server's own log, on stderr: short lines for people on a terminal, JSON lines elsewhere."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from weft.settings import LogLevel
from weft.types import harmless

LEVELS = {"trace": 5, "debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logging(level: LogLevel) -> None:
    """Send what the server and its libraries log to stderr, from ``level`` on. Called once, by the program."""
    people = sys.stderr.isatty()
    shared: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if people else "iso", utc=not people),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(people)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)  # libraries; their details are nobody's
    logging.getLogger("weft").setLevel(LEVELS[level])


def _rendering(people: bool) -> list[Processor]:  # noqa: FBT001 - one of two
    if people:
        console = structlog.dev.ConsoleRenderer(pad_event_to=0, exception_formatter=structlog.dev.plain_traceback)
        return [_shortened, structlog.processors.format_exc_info, _harmless, console]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _shortened(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Without what the message says in its own words."""
    message = str(event["event"])
    if str(event.get("plugin", "")) in message:
        event.pop("plugin", None)
    return {key: value for key, value in event.items() if key not in ("logger", "kind")}


def _harmless(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Texts may be plugins', and the terminal is not theirs."""
    return {key: harmless(value) if isinstance(value, str) else value for key, value in event.items()}
