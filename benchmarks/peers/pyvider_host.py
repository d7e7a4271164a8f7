"""pyvider-rpcplugin's host: starts its plugin as its guide says, and calls it through the channel that it opens."""

from __future__ import annotations

import sys
from pathlib import Path

import uvloop
from pyvider.rpcplugin import plugin_client

from grpc_names import ECHO, NUMBERS, read_number, same, write_number
from loops import serve

PLUGIN = Path(__file__).with_name("pyvider_plugin.py")
QUIET = {"PLUGIN_LOG_LEVEL": "ERROR"}


async def main() -> None:
    async with plugin_client(command=[sys.executable, str(PLUGIN)], config={"env": QUIET}) as client:
        echo = client.grpc_channel.unary_unary(ECHO, same, same)
        await serve(echo, client.grpc_channel.unary_stream(NUMBERS, write_number, read_number))


if __name__ == "__main__":
    uvloop.run(main())
