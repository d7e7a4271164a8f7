"""Other plugins, as one plugin may call them: who is let through, and how calls of a process are passed on.

See ``weft.sdk.peers`` for what a plugin's process asks. Items go both ways as they are: nothing is unpacked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from weft.calls.channel import Call, Consumer, Methods, Reply, Request
from weft.calls.once import Unattended
from weft.calls.tally import Tally
from weft.contracts.declare import contract_of
from weft.contracts.description import Contract
from weft.contracts.mismatch import show
from weft.engine.components import Provider
from weft.engine.plugin import Plugin
from weft.engine.using import Using
from weft.errors import Overloaded, Refused, UsageError, WeftError
from weft.manifest import Manifest
from weft.sdk.peers import PEER, USE

MOST_PEERS = 1000
"""Peers that one plugin may ask for."""
MOST_UNDER_WAY = 1000
"""Calls of peers that one instance may have under way."""


class Peers:
    """The peers of one plugin. ``methods`` serve its process; ``use`` is for a plugin in this interpreter."""

    def __init__(self, manifest: Manifest, plugins: Mapping[str, Plugin], using: Using) -> None:
        self._manifest = manifest
        self._plugins = plugins
        self._using = using
        self._asked: dict[int, Provider | WeftError] = {}
        self._under_way = 0
        self.methods: Methods = {USE: self._on_use, PEER: self._on_peer}

    def use(self, contract: Callable[..., Any], name: str | None) -> Any:
        """See ``Context.use``."""
        return self._using.use_as_peer(contract, self._find(contract_of(contract), name))

    def _find(self, contract: Contract, name: str | None) -> Provider:
        """The peer, which the plugin's permissions must name. Raises Refused, and UsageError where there is none.

        A component is found by its id; it is its plugin that must be named.
        """
        allowed = self._manifest.permissions.plugins
        providers = self._using.providers(contract)
        if name is None:
            providers = [each for each in providers if each.plugin.name in allowed]
            if len(providers) != 1:
                found = ", ".join(each.name for each in providers) or "none"
                raise UsageError(
                    f"plugin {self._manifest.name} wants the one provider of {contract.key} that it may call; there "
                    f"are {len(providers)} ({found}): name one, and list it in permissions.plugins"
                )
            return providers[0]
        whose = next((each.plugin.name for each in providers if each.name == name), name)
        if whose not in allowed:
            raise Refused(
                f"plugin {self._manifest.name} may not call plugin {whose}: "
                f'its permissions do not say so (permissions.plugins = ["{whose}"])'
            )
        if whose not in self._plugins:
            raise UsageError(f"plugin {self._manifest.name} wants plugin {name}, which is not loaded")
        return self._using.find(contract, name)

    def _on_use(self, request: Request, reply: Reply) -> Consumer:
        number, described, name = request.args
        if type(number) is not int or not (name is None or type(name) is str):
            raise UsageError(f"{USE} takes [int, description, text or None]")
        if len(self._asked) >= MOST_PEERS:
            raise Refused(f"plugin {self._manifest.name} has asked for {MOST_PEERS} peers: keep those that it has")
        try:
            peer = self._find(Contract.parse(described), name)
            self._using.check_peer(peer)
            found: Provider | WeftError = peer
        except WeftError as error:
            found = error
        self._asked[number] = found
        reply.result(None)
        return Unattended()

    def _on_peer(self, request: Request, reply: Reply) -> Consumer:
        number, method, args = request.args
        found = self._asked.get(number)
        if found is None:
            raise UsageError(f"plugin {self._manifest.name} calls a peer that it did not ask for")
        if isinstance(found, WeftError):
            raise found
        _, peer, contract = found
        of, _, name = str(method).rpartition(".")
        if of != contract.name.partition("#")[0] or name not in contract.methods:
            raise Refused(
                f"plugin {self._manifest.name} asked {peer.name} for {contract.key}, which has no {show(method)}"
            )
        if self._under_way >= MOST_UNDER_WAY:
            raise Overloaded(f"plugin {self._manifest.name} has {MOST_UNDER_WAY} calls of other plugins under way")
        limit = peer.call_timeout if request.timeout is None else min(peer.call_timeout, request.timeout)
        passing = _Passing(reply, self._ended, peer.tally, streaming=request.streaming)
        onwards = _Onwards(passing, reply)
        peer.tally.calls += 1
        target = f"{contract.name}.{name}"
        passing.call = peer.pick().open(target, args, passing, streaming=request.streaming, timeout=limit)
        self._under_way += 1
        return onwards

    def _ended(self) -> None:
        self._under_way -= 1


class _Waiting:
    """What was handed on while the other side had no credit: its size is granted once it has."""

    def __init__(self) -> None:
        self._size = 0

    def pass_on(self, item: Any, size: int, send: Callable[[Any], bool], grant: Callable[[int], None]) -> None:
        """Send an item on; grant it where the receiver takes more."""
        if send(item):
            grant(size)
        else:
            self._size += size

    def relieved(self, grant: Callable[[int], None]) -> None:
        """The receiver takes more."""
        size, self._size = self._size, 0
        if size:
            grant(size)


class _Passing:
    """The receiver of the peer's answer: hands it to the plugin that asked. See channel.Receiver."""

    call: Call
    onwards: _Onwards

    def __init__(self, reply: Reply, ended: Callable[[], None], tally: Tally, *, streaming: bool) -> None:
        self._reply = reply
        self._tally = tally
        self.ended = ended
        self._streaming = streaming
        self.waiting = _Waiting()

    def on_item(self, item: Any, size: int) -> None:
        """See channel.Receiver."""
        if not self._streaming:  # else it may be a callback's, and no part of the answer
            self.call.began()
        self.waiting.pass_on(item, size, self._reply.send, self.call.grant)

    def on_result(self, value: Any) -> None:
        """See channel.Receiver."""
        self.ended()
        try:
            self._reply.result(value)
        except Exception as error:  # noqa: BLE001 (whoever asked is told)
            self._reply.error(error)

    def on_error(self, error: WeftError) -> None:
        """See channel.Receiver."""
        self.ended()
        self._tally.failed(error)
        self._reply.error(error)

    def on_credit(self) -> None:
        """See channel.Receiver."""
        self.onwards.waiting.relieved(self._reply.grant)


class _Onwards:
    """The consumer of the plugin's call: hands its items to the peer. See channel.Consumer."""

    def __init__(self, passing: _Passing, reply: Reply) -> None:
        self._passing = passing
        self._reply = reply
        self._over = False
        self.waiting = _Waiting()
        passing.onwards = self

    def on_item(self, item: Any, size: int) -> None:
        """See channel.Consumer."""
        self.waiting.pass_on(item, size, self._passing.call.send, self._reply.grant)

    def on_end(self) -> None:
        """See channel.Consumer."""
        if not self._over:  # it costs no credit
            self._over = True
            self._passing.call.end()

    def on_credit(self) -> None:
        """See channel.Consumer."""
        self._passing.waiting.relieved(self._passing.call.grant)

    def on_cancel(self) -> None:
        """See channel.Consumer."""
        self._passing.ended()
        self._passing.call.cancel()
