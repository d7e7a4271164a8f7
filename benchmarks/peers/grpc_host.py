"""gRPC's host: ``grpc_host.py aio|threads``; its plugin is a process of its own, on a Unix socket."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import uvloop

from grpc_names import ECHO, NUMBERS, OPTIONS, read_number, same, write_number
from loops import serve, serve_blocking

START = 20


@contextmanager
def plugin(kind: str) -> Iterator[str]:
    """The plugin's address."""
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/s"
        process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("grpc_plugin.py")), address, kind])
        try:
            yield address
        finally:
            process.terminate()
            process.wait(START)


async def aio() -> None:
    with plugin("aio") as address:
        async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
            echo = channel.unary_unary(ECHO, same, same)
            await echo(b"", wait_for_ready=True, timeout=START)
            await serve(echo, channel.unary_stream(NUMBERS, write_number, read_number))


def threads() -> None:
    with plugin("threads") as address, grpc.insecure_channel(address, options=OPTIONS) as channel:
        echo = channel.unary_unary(ECHO, same, same)
        echo(b"", wait_for_ready=True, timeout=START)
        serve_blocking(lambda: echo)


if __name__ == "__main__":
    if sys.argv[1] == "aio":
        uvloop.run(aio())
    else:
        threads()
