"""Go's encoding/gob, without I/O: values by the types that the stream itself describes.

Source: the documentation of Go's package encoding/gob, and what its own encoder sends.
"""

from weft.gob.decoder import LARGE, NEED_DATA, Decoder, Sign
from weft.gob.encoder import Encoder
from weft.gob.errors import GobError, Malformed, NotEncodable, OverLimit
from weft.gob.limits import Limits
from weft.gob.reading import Concrete
from weft.gob.types import Array, Basic, Map, Slice, Struct, Type

__all__ = [
    "LARGE",
    "NEED_DATA",
    "Array",
    "Basic",
    "Concrete",
    "Decoder",
    "Encoder",
    "GobError",
    "Limits",
    "Malformed",
    "Map",
    "NotEncodable",
    "OverLimit",
    "Sign",
    "Slice",
    "Struct",
    "Type",
]
