"""An error that is an answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Dict, Optional


class HttpError(Exception):
    """Raised in a handler, it is answered with ``status`` and ``message``, unless the error handler does otherwise."""

    def __init__(self, status: int, message: str = "", headers: Optional[Dict[str, str]] = None) -> None:
        super().__init__(message or _phrase(status))
        self.status = status
        self.headers = headers or {}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return str(status)
