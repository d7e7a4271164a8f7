"""What can be wrong with a gob.

::

    GobError
    ├── Malformed      the bytes are no gob: cut short, of types that nobody described, or contradicting themselves
    ├── OverLimit      more than the reader takes: too long, too deep, too many
    └── NotEncodable   a value is not of the type that it is to be sent as
"""

from __future__ import annotations

from weft.errors import WeftError


class GobError(WeftError):
    """The root. After one the stream cannot go on."""


class Malformed(GobError):
    """The bytes are no gob."""


class OverLimit(GobError):
    """More than the reader takes."""


class NotEncodable(GobError):
    """A value is not of the type that it is to be sent as; nothing of it was written."""
