"""multiprocessing's own means: one Pipe to a spawned process, method and arguments pickled as it does.

A Connection knows nothing of calls: those in flight are answered in order, so the host keeps a window of them, without
any loop, thread or matching of answers between. It is the least that Python can do.
"""

from __future__ import annotations

import multiprocessing
import sys
from json import loads
from multiprocessing.connection import Connection
from time import perf_counter

from loops import Answer, BlockingEcho, Wrong, answer_latency, rate, say

START = 20


class Plugin:
    def echo(self, data: bytes) -> bytes:
        return data


def plugin(connection: Connection) -> None:
    methods = {"echo": Plugin().echo}
    while (call := connection.recv()) is not None:
        method, arguments = call
        connection.send(methods[method](*arguments))


def main() -> None:
    host, end = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=plugin, args=(end,), daemon=True)
    process.start()
    say({"ready": 1})
    for line in sys.stdin:
        ask = loads(line)
        if ask["measure"] == "latency":
            say(answer_latency(blocking(host), bytes(ask["size"]), ask["seconds"]))
        else:
            say(calls(host, bytes(ask["size"]), ask["in_flight"], ask["seconds"]))
    host.send(None)
    process.join(START)


def blocking(connection: Connection) -> BlockingEcho:
    def echo(data: bytes) -> bytes:
        connection.send(("echo", (data,)))
        back: bytes = connection.recv()
        return back

    return echo


def calls(connection: Connection, payload: bytes, in_flight: int, seconds: float) -> Answer:
    began = perf_counter()
    deadline = began + seconds
    call = ("echo", (payload,))
    count = 0
    for _ in range(in_flight):
        connection.send(call)
    while perf_counter() < deadline:
        if connection.recv() != payload:
            raise Wrong
        connection.send(call)
        count += 1
    for _ in range(in_flight):
        connection.recv()
    return rate(count + in_flight, began)


if __name__ == "__main__":
    main()
