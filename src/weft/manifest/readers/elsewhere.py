"""Forms of other systems that this version knows by their file, and does not read."""

from __future__ import annotations

from pathlib import Path

from weft.errors import NotInThisVersion
from weft.manifest.document import Document
from weft.manifest.readers.reader import Reader

FILES = {
    "gatewayd_plugin.yaml": "GatewayD",
    "gatewayd_plugin.yml": "GatewayD",
    "gatewayd_plugins.yaml": "GatewayD",
}


def _reader(file: str, system: str) -> Reader:
    def recognises(source: Path) -> bool:
        return (source / file).is_file()

    def read(source: Path) -> Document:
        raise NotInThisVersion(f"{source / file}: form {system} {file}: not in this version")

    return Reader(file, recognises, recognises, read, foreign=True)


READERS = tuple(_reader(file, system) for file, system in FILES.items())
