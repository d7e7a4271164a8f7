"""pyvider-rpcplugin's plugin: the echo over its gRPC server, with its defaults (Unix socket, mutual TLS)."""

from __future__ import annotations

from typing import Any

import uvloop
from pyvider.rpcplugin import plugin_server
from pyvider.rpcplugin.protocol.base import RPCPluginProtocol

from grpc_plugin import echo, handlers


class EchoProtocol(RPCPluginProtocol):  # type: ignore[misc]  # of the peers' environment: unknown here
    async def get_grpc_descriptors(self) -> tuple[Any, str]:
        return None, "Plugin"

    async def add_to_server(self, server: Any, handler: object) -> None:  # noqa: ARG002  # given by its name
        server.add_generic_rpc_handlers((handlers(echo),))


async def main() -> None:
    await plugin_server(protocol=EchoProtocol(), handler=object()).serve()


if __name__ == "__main__":
    uvloop.run(main())
