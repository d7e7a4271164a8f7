"""Asks access.py about every request before management answers it, and tells the facts that only this process knows."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import replace
from typing import Any

from weft.errors import Refused
from weft.server.front.peer import Peer
from weft.server.management import access
from weft.server.management.peers import PeerJudge
from weft.server.management.problems import describe
from weft.server.router import host_name

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

PEER = "weft.peer"
"""Where the scope's ``extensions`` have the front's Peer."""
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""Answered whoever asks."""


class Guard:
    """ASGI middleware: a request that may not manage is answered here, and goes no further."""

    def __init__(
        self, application: Application, judge: PeerJudge, *, token: str, domains: Collection[str], exposed: bool
    ) -> None:
        self._application = application
        self._judge = judge
        self._token = token
        self._domains = frozenset(domains)
        self._exposed = exposed

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        denial = None
        if scope["type"] != "lifespan" and scope["path"] not in OPEN_PATHS:
            denial = await self._judged(scope)
        if denial is None:
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": denial.reason})
        else:
            await _answer(denial, send)

    async def _judged(self, scope: Message) -> access.Denial | None:
        """Looks for the one who asks, which is dear, only where nothing else decides."""
        peer: Peer | None = scope.get("extensions", {}).get(PEER)
        facts = self._facts(scope, peer)
        denial = access.decide(facts)
        if denial is None and facts.token is access.Token.ABSENT:
            own_program = peer is not None and await self._judge.is_own_program(peer)
            denial = access.decide(replace(facts, own_program=own_program))
        return denial

    def _facts(self, scope: Message, peer: Peer | None) -> access.Facts:
        """All facts but one: ``own_program`` is taken for granted."""
        headers = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
        control = peer is not None and peer.remote is None
        hosts = [value for name, value in headers if name == b"host"]
        host = host_name(hosts[0]) if len(hosts) == 1 else None
        return access.Facts(
            own_program=True,
            token=access.read_token(headers, self._token),
            host_known=control or access.is_known_host(host, self._domains),
            same_origin=access.is_same_origin(headers, scope["scheme"]),
            same_site=access.is_same_site(headers),
            forwarded=access.is_forwarded(headers) or peer is None or peer.trusted_proxy,
            exposed=self._exposed and not control,
        )


async def _answer(denial: access.Denial, send: Send) -> None:
    body = json.dumps(describe(Refused(str(denial)))).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if denial.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="weft"'))
    await send({"type": "http.response.start", "status": denial.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
