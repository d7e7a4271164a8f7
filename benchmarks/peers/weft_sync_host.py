"""Weft's host without await: the synchronous door, and the same plugin."""

from __future__ import annotations

import weft.sync
from echo_contract import PLUGIN, BlockingEcho
from loops import serve_blocking


def main() -> None:
    with weft.sync.Engine() as engine:
        engine.load(PLUGIN)
        echo = engine.use(BlockingEcho)
        serve_blocking(lambda: echo.echo)


if __name__ == "__main__":
    main()
