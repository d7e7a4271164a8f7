"""Weft's host: ``weft_host.py proxy|channel``; its plugin is ../plugins/echo.py, in a process of its own.

``proxy`` calls through the contract's typed proxy, as users do; ``channel`` calls the same plugin by its method's name,
so that only the plugin's side is typed.
"""

from __future__ import annotations

import sys

import uvloop

import weft
from echo_contract import PLUGIN, Echo
from loops import serve


async def main() -> None:
    async with weft.Engine() as engine:
        await engine.load(PLUGIN)
        echo = engine.use(Echo)
        if sys.argv[1] == "proxy":
            await serve(echo.echo, echo.numbers)
        else:
            channel = engine.plugin("echo").pick()
            await serve(lambda data: channel.call("echo.echo", (data,)))


if __name__ == "__main__":
    uvloop.run(main())
