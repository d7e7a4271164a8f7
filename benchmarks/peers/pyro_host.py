"""Pyro5's host, and with an argument its plugin: a daemon on a Unix socket.

The serializer is marshal, Pyro's fastest, which also carries bytes as they are. Each thread in flight has a proxy and
so a connection of its own, as a proxy belongs to one thread.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from multiprocessing.connection import Connection

import Pyro5.api
import Pyro5.server
from Pyro5.configure import global_config

from loops import BlockingEcho, serve_blocking

START = 20
global_config.SERIALIZER = "marshal"
global_config.THREADPOOL_SIZE = 32


@Pyro5.server.expose
class Plugin:
    def echo(self, data: bytes) -> bytes:
        return data


def plugin(folder: str, started: Connection) -> None:
    with Pyro5.server.Daemon(unixsocket=f"{folder}/s") as daemon:
        started.send(str(daemon.register(Plugin, "plugin")))
        daemon.requestLoop()


def main() -> None:
    start, started = multiprocessing.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as folder:
        process = multiprocessing.get_context("spawn").Process(target=plugin, args=(folder, started), daemon=True)
        process.start()
        if not start.poll(START):
            raise TimeoutError
        address = start.recv()

        def connect() -> BlockingEcho:
            proxy = Pyro5.api.Proxy(address)
            proxy._pyroBind()  # noqa: SLF001  # so its manual, of connecting before the first call
            echo: BlockingEcho = proxy.echo
            return echo

        serve_blocking(connect)
        process.terminate()
        process.join(START)


if __name__ == "__main__":
    main()
