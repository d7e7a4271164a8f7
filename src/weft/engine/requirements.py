"""Whether this engine is one that a plugin can live in: pure checks of what its manifest requires of the host."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet

import weft
from weft.errors import UsageError
from weft.manifest.model import Manifest


def check_host(manifest: Manifest) -> None:
    """Raises UsageError when the plugin requires another weft."""
    wanted = manifest.requires.weft
    if wanted and weft.__version__ not in SpecifierSet(wanted, prereleases=True):
        raise UsageError(
            f"plugin {manifest.name} requires weft {wanted}, and this is weft {weft.__version__}: "
            "upgrade the host, or change requires.weft"
        )
