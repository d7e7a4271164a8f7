"""How many calls were made of one plugin, and how many of them failed."""

from __future__ import annotations

from weft.calls.faults import DeclaredError
from weft.errors import UsageError, WeftError


class Tally:
    """Both only grow. What leads to an inline plugin's own methods, with no channel between, is not counted."""

    __slots__ = ("calls", "errors")

    def __init__(self) -> None:
        self.calls = 0
        self.errors = 0

    def failed(self, error: BaseException) -> None:
        """A call ended so: an error of the plugin's, unless its contract declares it or its caller is to blame."""
        if isinstance(error, WeftError) and not isinstance(error, (DeclaredError, UsageError)):
            self.errors += 1
