"""Packages for environments, made here, and sites over https: no index is needed."""

from __future__ import annotations

import ssl
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import HTTPServer
from pathlib import Path
from types import MappingProxyType

import pytest

MakeWheel = Callable[..., Path]


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeWheel:
    """``wheel(name, version, *requires, files={})``: a module that says its version, in the only place uv looks at."""
    shelf = tmp_path / "wheels"
    shelf.mkdir()
    configuration = tmp_path / "uv.toml"
    configuration.write_text(f'no-index = true\nfind-links = ["{shelf}"]\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(configuration))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))

    def make(name: str, version: str, *requires: str, files: Mapping[str, str] = MappingProxyType({})) -> Path:
        info = f"{name}-{version}.dist-info"
        files = {
            **files,
            f"{name}.py": f"version = {version!r}\n",
            f"{info}/METADATA": "\n".join(
                [
                    f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
                    *(f"Requires-Dist: {r}" for r in requires),
                    "",
                ]
            ),
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
        target = shelf / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(target, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
        return target

    return make


@dataclass(frozen=True)
class Https:
    """``with https(server) as url``: serves over https meanwhile; who trusts ``certificate`` trusts it."""

    certificate: Path
    key: Path

    @contextmanager
    def __call__(self, server: HTTPServer) -> Iterator[str]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"https://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def https(tmp_path: Path) -> Https:
    """See Https. Mark its tests ``system_package("openssl")``."""
    made = Https(tmp_path / "certificate.pem", tmp_path / "certificate.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", made.key, "-out", made.certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return made
