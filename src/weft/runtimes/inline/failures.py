"""What a plugin's own code raised while it started, as the error of a start that came to nothing."""

from __future__ import annotations

import importlib
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType

from weft.calls.faults import Faults
from weft.errors import StartFailed

_LEADING_IN = (str(Path(__file__).parents[2]), str(Path(importlib.__file__).parent), "<frozen importlib")
"""Where the code lies that leads into a plugin's, and from one module of it to the next."""
_REMEDIES = {
    "ModuleNotFoundError": " (name the package that has it in requires.packages and install it in the host, or give "
    'the plugin packages of its own: runtime = "process")'
}
"""What to do about an exception that a start was refused with, by its type."""


def refused(error: BaseException, faults: Faults) -> StartFailed:
    """That exception, whatever it is, with its own type and traceback; it holds no frame of the plugin's."""
    _trim(error)
    described = Faults.describe(error)
    if isinstance(error, SystemExit):
        described["message"] = f"the plugin called sys.exit({error.code!r}) while it started"
    made = faults.error(described)
    if isinstance(made, StartFailed):
        return made
    kind = described["type"]
    return StartFailed(
        described["message"] + _REMEDIES.get(kind, ""),
        type_name=kind,
        traceback=described["traceback"],
        **faults.plugin,
    )


def where_it_is(thread: str) -> str:
    """The stack, as text, of a thread of that name; '' where there is none."""
    ids = [each.ident for each in threading.enumerate() if each.name == thread]
    frame = sys._current_frames().get(ids[-1] or 0) if ids else None  # noqa: SLF001 (as the documentation has it)
    stack = [each for each in traceback.extract_stack(frame) if not _leads_in(each.filename)] if frame else []
    return "".join(traceback.format_list(stack))


def _leads_in(filename: str) -> bool:
    return filename.startswith((*_LEADING_IN, threading.__file__))


def _trim(error: BaseException) -> None:
    """Take the frames between one module of the plugin's and the next out of every traceback."""
    seen: set[int] = set()
    chain: list[BaseException | None] = [error]
    while chain:
        each = chain.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            each.__traceback__ = _trimmed(each.__traceback__)
            chain += (each.__cause__, each.__context__)


def _trimmed(walked: TracebackType | None) -> TracebackType | None:
    kept: TracebackType | None = None
    steps = []
    while walked is not None:
        steps.append(walked)
        walked = walked.tb_next
    for step in reversed(steps):
        if not _leads_in(step.tb_frame.f_code.co_filename):
            step.tb_next = kept
            kept = step
    return kept
