"""A gRPC server on a Unix socket: ``grpc_plugin.py SOCKET aio|threads``.

Generic handlers with serializers that do next to nothing, so that no generated code and no protobuf is between:
gRPC itself is measured, at its best.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import uvloop

from grpc_names import OPTIONS, read_number, same, write_number


async def echo(data: bytes, _context: Any) -> bytes:
    return data


def echo_blocking(data: bytes, _context: Any) -> bytes:
    return data


async def numbers(count: int, _context: Any) -> AsyncIterator[int]:
    for number in range(count):
        yield number


def handlers(echo: Any) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        "Plugin",
        {
            "Echo": grpc.unary_unary_rpc_method_handler(echo, same, same),
            "Numbers": grpc.unary_stream_rpc_method_handler(numbers, read_number, write_number),
        },
    )


async def serve(address: str) -> None:
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((handlers(echo),))
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


def serve_threads(address: str) -> None:
    server = grpc.server(ThreadPoolExecutor(16), options=OPTIONS)
    server.add_generic_rpc_handlers((handlers(echo_blocking),))
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    if sys.argv[2] == "aio":
        uvloop.run(serve(sys.argv[1]))
    else:
        serve_threads(sys.argv[1])
