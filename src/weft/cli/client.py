"""Speaks with the running server over STATE/control.sock."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from weft.errors import WeftError

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 3600.0
"""Draining and building environments take their time; the server bounds both."""
_NDJSON = {"accept": "application/x-ndjson"}


class NoServer(WeftError):  # noqa: N818 - as the tree of weft.errors
    """No server answers at that folder."""


class ServerError(WeftError):
    """What the server answered. ``body`` is the answer as JSON, ``traceback`` the plugin's own or ''."""

    def __init__(self, body: Mapping[str, Any], status: int) -> None:
        self.body = body
        error = body.get("error", {}) if isinstance(body, dict) else {}
        self.kind = str(error.get("type", ""))
        self.traceback = str(error.get("traceback", ""))
        super().__init__(error.get("message") or f"the server answered {status} without a reason")
        for note in error.get("notes", ()):
            self.add_note(str(note))


def plugin_path(name: str, *more: str) -> str:
    """``/api/v1/plugins/NAME/…``"""
    return "/".join(("/api/v1/plugins", quote(name, safe=""), *more))


class Client:
    """One server. Every method raises NoServer, and ServerError for an answer that is an error."""

    def __init__(self, state: Path, *, token: str | None = None) -> None:
        self._state = state
        token = token or _readable_token(state)
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(state / "control.sock")),
            base_url="http://localhost",
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
        )

    def get(self, path: str, **params: Any) -> Any:
        """The JSON at ``path``."""
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: Any = None) -> Any:
        """Do something; what it answers, or None."""
        return self._ask("POST", path, json=body)

    def answers(self, path: str, body: Any) -> Iterator[Any]:
        """What a call answers: one object, or one for each item of a stream, as they come."""
        with self._talking(), self._http.stream("POST", path, json=body) as response:
            if response.headers.get("content-type", "").startswith(_NDJSON["accept"]):
                for each in _objects(response):
                    if "error" in each:
                        raise ServerError(each, response.status_code)
                    yield each
            else:
                response.read()
                _check(response)
                yield response.json()

    def delete(self, path: str, **params: Any) -> None:
        """Remove something."""
        self._ask("DELETE", path, params=params)

    def lines(self, path: str, **params: Any) -> Iterator[Any]:
        """The JSON objects at ``path``, as they come."""
        with self._talking(), self._http.stream("GET", path, params=params, timeout=_following()) as response:
            yield from _objects(response)

    def deploy(self, file: Path, fields: Mapping[str, Any], progress: Callable[[str], None]) -> Any:
        """Upload ``file`` and wait until it serves; ``progress`` is told how that goes on."""
        with file.open("rb") as content, self._talking():
            form: dict[str, Any] = {"files": {"plugin": (file.name, content)}, "data": fields}
            with self._http.stream("POST", "/api/v1/plugins", headers=_NDJSON, **form) as response:
                for each in _objects(response):
                    if "progress" in each:
                        progress(each["progress"])
                    elif "result" in each:
                        return each["result"]
                    else:
                        raise ServerError(each, response.status_code)
        raise NoServer("the server ended before the deploy did: see its output, and `weft list` for what runs")

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        with self._talking():
            response = self._http.request(method, path, **options)
        _check(response)
        return response.json() if response.content else None

    @contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoServer(
                f"no server runs at {self._state}: start one with `weft serve`, or say with --state where it runs"
            ) from error
        except httpx.TransportError as error:
            raise NoServer(
                f"the server at {self._state} ended before it had answered: "
                "start it again, then `weft list` says what runs"
            ) from error


def _following() -> httpx.Timeout:
    return httpx.Timeout(None, connect=_CONNECT_SECONDS)


def _objects(response: httpx.Response) -> Iterator[Any]:
    if response.is_error:
        response.read()
    _check(response)
    for line in response.iter_lines():
        yield json.loads(line)


def _check(response: httpx.Response) -> None:
    if response.is_error:
        try:
            body = response.json()
        except ValueError:
            body = {"error": {"message": response.text.strip()}}
        raise ServerError(body, response.status_code)


def _readable_token(state: Path) -> str | None:
    """Where the system cannot tell programs apart, the user's commands show the token."""
    token = state / "token"
    return token.read_text().strip() if sys.platform != "linux" and token.exists() else None
