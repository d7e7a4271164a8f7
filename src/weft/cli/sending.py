"""A plugin as it is sent to a server: one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def sendable(source: Path) -> Iterator[Path]:
    """``source`` itself where it is a file; a folder is packed into a temporary archive. Raises PackageError."""
    if source.is_file():
        yield source
        return
    import tempfile

    from weft.packages.archives import pack

    with tempfile.TemporaryDirectory(prefix="weft-deploy-") as folder:
        yield pack(source, Path(folder) / f"{source.resolve().name}.plg")
