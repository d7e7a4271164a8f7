"""What a handler gets."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Tuple

from weft.sdk.gloom.failures import HttpError
from weft.sdk.gloom.forms import Fields, Files, parse_fields, parse_form
from weft.sdk.gloom.responses import Response
from weft.sdk.scope import path_below

if TYPE_CHECKING:
    from weft.sdk.gloom.chain import Chain


class Headers(Mapping[str, str]):
    """A request's headers, by their names in any spelling. Values of one that came several times are joined."""

    def __init__(self, pairs: List[Tuple[bytes, bytes]]) -> None:
        self._values: Dict[str, str] = {}
        for raw, value in pairs:
            name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
            before = self._values.get(name)
            self._values[name] = text if before is None else f"{before}{'; ' if name == 'cookie' else ', '}{text}"

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Request:
    """One request.

    ``params`` are those of the route's pattern, the first ``*`` under ``*`` and ``*1``; ``locals`` is for handlers to
    tell each other something; ``response`` is what they answer with, or say more of than they return.
    """

    def __init__(self, scope: Dict[str, Any], body: bytes, chain: "Chain") -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = path_below(scope)
        self.params: Dict[str, str] = {}
        self.headers = Headers(scope["headers"])
        self.body = body
        self.locals: Dict[str, Any] = {}
        self.response = Response()
        self._chain = chain

    def next(self) -> Any:
        """Let the next handler answer, and get the response: ``await`` it in ``async def``, not in ``def``.

        Raises what that handler raises, and HttpError (404, 405) where there is none.
        """
        return self._chain.next()

    @staticmethod
    def error(status: int, message: str = "") -> HttpError:
        """An error to raise, which is answered with that status."""
        return HttpError(status, message)

    @cached_property
    def query(self) -> Fields:
        """Each name with its values."""
        return parse_fields(self.scope["query_string"].decode("latin-1"))

    @cached_property
    def cookies(self) -> Dict[str, str]:
        """By name; the first of a name that came several times."""
        pairs = [each.partition("=") for each in self.headers.get("cookie", "").split(";")]
        return {name.strip(): value.strip().strip('"') for name, _, value in reversed(pairs) if name.strip()}

    def text(self) -> str:
        """The body, as UTF-8."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body, as JSON. Raises HttpError 400 when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise HttpError(400, f"the body is not JSON: {error}") from None

    def form(self) -> Fields:
        """Each field of the form that is the body, with its values. Raises HttpError 400 or 415."""
        return self._form[0]

    def files(self) -> Files:
        """Each file field of the form that is the body, with its files. Raises HttpError 400 or 415."""
        return self._form[1]

    @cached_property
    def _form(self) -> Tuple[Fields, Files]:
        return parse_form(self.headers.get("content-type", ""), self.body)
