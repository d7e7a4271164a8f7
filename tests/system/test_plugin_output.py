"""What plugins of a running server print and log, as its operator sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

WEFT = str(Path(sys.executable).parent / "weft")
ESCAPES = """
import logging, os
os.write(1, b"\\x1b[2J\\x1b]0;title\\x07 \\xe2\\x80\\xa8\\xc2\\x85\\r\\x00end\\n")
os.write(2, b'\\x1e{"level":"error","text":"forged\\\\n2026-01-01 00:00:00  host     other","stream":"host"}\\n')
logging.getLogger("\\nshop").warning("sold", extra={"\\x1b[2J": "\\x1b[2J", "order": 17})


async def app(scope, receive, send):
    raise RuntimeError
"""


async def printed(site, name):
    answer = await site.manage("GET", f"/{name}/logs")
    return [json.loads(line) for line in answer.text.split("\n") if line]


def logs(site, name, *options):
    command = [WEFT, "logs", name, "--state", str(site.server.state), *options]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    return done.stdout.decode().removesuffix("\n").split("\n")


def test_records_have_level_logger_and_fields(run, site, plugin_file):
    async def main():
        async with site.deployed(plugin_file("logs_records"), env={"WAY": "extra"}) as name:
            sold, failed = await printed(site, name)
            assert (sold["level"], sold["logger"], sold["stream"]) == ("warning", "shop.orders", "stderr")
            assert sold["fields"] == {"order": 17, "tags": ["new", None], "who": {"id": 1.5}}
            assert logs(site, name, "--json") == [json.dumps(sold), json.dumps(failed)]
            first, second, *below = logs(site, name)
            assert first.endswith("  warning  shop.orders: sold 3 order=17 tags=['new', None] who={'id': 1.5}")
            assert second == "    in two lines"
            assert below[-1] == "    ValueError: the cupboard is bare"
            assert len(logs(site, name, "--level", "error")) == len(below)
        assert "sold 3" not in site.server.text

    run(main())


def test_nothing_that_it_prints_moves_a_terminal_or_looks_like_anothers(run, site):
    async def main():
        async with site.deployed(ESCAPES) as name:
            raw, forged, sold, *_ = await printed(site, name)
            assert raw["text"] == "\x1b[2J\x1b]0;title\x07 \u2028\x85\r\x00end"
            assert (forged["stream"], sold["fields"]) == ("stderr", {"\x1b[2J": "\x1b[2J", "order": 17})
            shown = logs(site, name)
            assert shown[0].endswith("  info     \\x1b[2J\\x1b]0;title\\x07 \u2028\\x85\\r\\x00end")
            assert shown[1].endswith("  error    forged")
            assert shown[2] == "    2026-01-01 00:00:00  host     other"
            assert shown[3].endswith("  warning  '\\nshop': sold '\\x1b[2J'='\\x1b[2J' order=17")

    run(main())


def test_a_burst_of_records_is_kept_whole(run, site, plugin_file):
    async def main():
        async with site.deployed(plugin_file("logs_records"), env={"WAY": "burst"}) as name, site.beside_healthy():
            assert [line["fields"]["number"] for line in await printed(site, name)] == list(range(10_000))

    run(main())


def test_a_gigabyte_harms_nobody_and_the_log_says_what_it_lacks(run, site, plugin_file):
    async def main():
        async with site.deployed(plugin_file("abuses_stdio")) as name, site.beside_healthy():
            assert (await site.ask(name, "/gigabyte")).body == b"done"
            assert (await site.ask(name)).body == b"well"
            noted = [line for line in logs(site, name) if "  host     … " in line]
            assert noted
            assert all("bytes of stdout were dropped" in line for line in noted)
        assert "xxx" not in site.server.text

    run(main())
