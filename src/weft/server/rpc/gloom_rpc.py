"""The service GloomRPC: GLoom's three calls, on what an operator can do."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft.errors import StorageFailed, UsageError, WeftError
from weft.gob import Basic, Slice, Struct
from weft.server.gloom import DELETED, UPDATED, UPLOADED, replied
from weft.server.rpc.calls import Method, Taken
from weft.server.uploads import Upload

if TYPE_CHECKING:
    from weft.server.operator import Operator

NAMES = Slice(Basic.STRING)
PLUGINS = Slice(Struct("PluginData", (("Name", Basic.STRING), ("Domains", NAMES))))
UPLOAD = Struct(
    "PluginUpload",
    (("FileName", Basic.STRING), ("Name", Basic.STRING), ("Domains", NAMES), ("Data", Basic.BYTES)),
)


class GloomRpc:
    """``uploads``: a folder of the server's own; ``most``: bytes of a plugin that is uploaded."""

    def __init__(self, operator: Operator, uploads: Path, most: int) -> None:
        self._operator = operator
        self._uploads = uploads
        self._most = most

    @property
    def methods(self) -> Mapping[str, Method]:
        """By their names in GLoom. What an upload or a deletion comes to is a text."""
        return {
            "ListPlugins": Method(Struct("Nothing"), PLUGINS, self._list),
            "UploadPlugin": Method(UPLOAD, Basic.STRING, self._upload),
            "DeletePlugin": Method(Basic.STRING, Basic.STRING, self._delete),
        }

    def _list(self, _nothing: Any, _taken: Taken) -> list[dict[str, Any]]:
        domains = self._operator.domains()
        return [{"Name": name, "Domains": of} for name, of in domains.items()]

    async def _delete(self, name: str, _taken: Taken) -> str:
        try:
            await self._operator.remove(name)
        except WeftError as error:
            return _reply(error)
        return DELETED

    async def _upload(self, sent: dict[str, Any], taken: Taken) -> str:
        self._check(sent)
        folder = await asyncio.to_thread(_kept, self._uploads, sent.pop("Data"))
        try:
            taken()
            return await self._deploy(sent, folder / "upload")
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _check(self, sent: dict[str, Any]) -> None:
        """What can be said before anything is kept, in the order in which GLoom says it."""
        if not sent["Name"]:
            raise UsageError("plugin name cannot be empty")
        if not sent["Domains"] or not all(each.strip() for each in sent["Domains"]):
            raise UsageError("domain cannot be empty")
        if len(sent["Data"]) > self._most:
            raise UsageError(f"the plugin is larger than {self._most} bytes: raise management.max_upload_bytes")

    async def _deploy(self, sent: dict[str, Any], path: Path) -> str:
        upload = Upload(
            path=path,
            filename=sent["FileName"] or f"{sent['Name']}.py",
            name=sent["Name"],
            domains=tuple(sent["Domains"]),
            spare_preloaded=True,
        )
        try:
            deployed = await self._operator.deploy(upload)
        except WeftError as error:
            return _reply(error)
        return UPLOADED if deployed.created else UPDATED


def _reply(error: WeftError) -> str:
    """What GLoom has as a reply; raises ``error`` again, where it has it as an error."""
    text = replied(error)
    if text is None:
        raise error
    return text


def _kept(uploads: Path, data: bytes) -> Path:
    """A folder with the file ``upload``. Raises StorageFailed."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="upload-", dir=uploads))
        (folder / "upload").write_bytes(data)
    except OSError as error:
        raise StorageFailed(f"cannot receive an upload in {uploads}: {error.strerror}") from error
    return folder
