"""What a plugin says of itself: the model, one reader per form, the checks."""

from weft.manifest.model import Limits, Manifest, Order, Permissions, Provided, Requires

__all__ = ["Limits", "Manifest", "Order", "Permissions", "Provided", "Requires"]
