"""A plugin as it is sent to a server: one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


@contextmanager
def sendable(source: Path | str) -> Iterator[Path]:
    """``source`` itself where it is a file; a folder is packed, and an address fetched, for as long as this is open.

    Raises PackageError, and UsageError for an address without its checksum.
    """
    if isinstance(source, Path) and source.is_file():
        yield source
        return
    import tempfile

    from weft.packages.archives import pack
    from weft.packages.download import download

    with tempfile.TemporaryDirectory(prefix="weft-deploy-") as folder:
        if isinstance(source, str):
            yield download(source, Path(folder))
        else:
            yield pack(source, Path(folder) / f"{source.resolve().name}.plg")


class SourceType(click.Path):
    """A path that is there, or an address, which stays text."""

    name = "source"

    def __init__(self) -> None:
        super().__init__(exists=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See click.ParamType."""
        return value if re.match(r"https?://", str(value)) else super().convert(value, param, ctx)
