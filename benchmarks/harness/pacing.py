"""Clients at a fixed rate, which ask when it is time to, whether or not what was asked before is answered.

Usage: pacing.py PORT RATE SECONDS NAME…; prints JSON: how many were asked of all, lost, and what answers took.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections import Counter
from dataclasses import dataclass, field

ANSWER = 10.0
"""Seconds for one answer; past it the request counts as lost."""
OLDEST = 3.0
"""Seconds that a connection may have been idle; an older one is not used again."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Pace:
    """The clients of one plugin, on as many connections as are needed at once, each kept."""

    port: int
    name: str
    idle: list[tuple[float, Streams]] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)

    async def keep(self, rate: float, seconds: float) -> None:
        """``rate`` requests per second; what each takes is counted from when it was to be sent."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        asked = []
        for number in range(round(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(due - loop.time())
            asked.append(asyncio.create_task(self._ask(due)))
        await asyncio.gather(*asked)

    async def _ask(self, due: float) -> None:
        try:
            async with asyncio.timeout(ANSWER):
                streams = await self._connected()
                status, body = await self._exchange(*streams)
        except (OSError, EOFError, TimeoutError) as problem:
            self.lost[type(problem).__name__] += 1
            return
        now = asyncio.get_running_loop().time()
        self.idle.append((now, streams))
        if (status, body) == (200, b"well"):
            self.took.append(now - due)
        else:
            self.lost[f"status {status}"] += 1

    async def _connected(self) -> Streams:
        now = asyncio.get_running_loop().time()
        while self.idle:
            since, streams = self.idle.pop()
            if now - since < OLDEST and not streams[0].at_eof():
                return streams
            streams[1].close()
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, bytes]:
        writer.write(f"GET / HTTP/1.1\r\nHost: {self.name}.localhost\r\n\r\n".encode())
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
        return int(status.split()[1]), await reader.readexactly(length)

    def close(self) -> None:
        for _, (_, writer) in self.idle:
            writer.close()


async def main(port: int, rate: float, seconds: float, names: list[str]) -> dict[str, object]:
    """What all of them saw."""
    paces = [Pace(port, name) for name in names]
    gc.disable()  # a pause of the clients would be taken for one of the server
    await asyncio.gather(*(pace.keep(rate, seconds) for pace in paces))
    took = sorted(each for pace in paces for each in pace.took)
    lost = sum((pace.lost for pace in paces), Counter[str]())
    for pace in paces:
        pace.close()
    return {
        "asked": round(rate * seconds) * len(names),
        "answered": len(took),
        "lost": lost.total(),
        "reasons": dict(lost),
        **{f"p{part}_ms": round(took[len(took) * part // 100] * 1e3, 2) if took else None for part in (50, 99)},
        "worst_ms": round(took[-1] * 1e3, 1) if took else None,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))))
