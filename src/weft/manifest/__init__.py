"""What a plugin says of itself: the model, one reader per form, the checks."""

from weft.manifest.check import CheckReport, check
from weft.manifest.model import Limits, Manifest, Order, Permissions, Provided, Requires
from weft.manifest.placing import check_placed
from weft.manifest.reading import read_manifest
from weft.manifest.sources import find_plugins, is_plugin, own_manifest, stored_source

__all__ = [
    "CheckReport",
    "Limits",
    "Manifest",
    "Order",
    "Permissions",
    "Provided",
    "Requires",
    "check",
    "check_placed",
    "find_plugins",
    "is_plugin",
    "own_manifest",
    "read_manifest",
    "stored_source",
]
