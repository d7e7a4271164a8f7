"""The one shape of a reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from weft.manifest.document import Document


@dataclass(frozen=True)
class Reader:
    """How one form of plugin is recognised and read."""

    form: str
    """The form's name, as in ``Manifest.form``."""
    recognises: Callable[[Path], bool]
    """Whether this source, named directly, is of the form; never raises."""
    scanned: Callable[[Path], bool]
    """Whether it is a plugin where it was not named but found in a folder of plugins; never raises."""
    read: Callable[[Path], Document]
    """Reads it; raises ManifestError with every problem that keeps it from being read, or NotInThisVersion."""
    foreign: bool = False
    """Another system's file: beside a manifest of ours it is no manifest."""
    refines: str = ""
    """Another form, of which this is a special case."""
