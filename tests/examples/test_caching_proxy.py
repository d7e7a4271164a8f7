"""The caching proxy, in front of a slow source that limits how often it is asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
LIMIT = 3
"""Questions that the source answers; the next get 429."""
pytestmark = pytest.mark.network


class Source(ThreadingHTTPServer):
    """Slow, and limited. ``asked``: the paths, in order."""

    daemon_threads = True
    fails = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Source

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        time.sleep(0.2)
        status = 503 if self.server.fails else 200 if len(self.server.asked) <= LIMIT else 429
        body = json.dumps({"path": self.path, "number": len(self.server.asked)}).encode()
        body += b" " * 5000 * self.path.endswith("/large")
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def source() -> Iterator[Source]:
    with Source() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(source, weft_server, tmp_path):
    """A client of the proxy, whose storage keeps ``brief`` for a moment only."""
    (tmp_path / "weft.toml").write_text(
        f"""
[plugins.proxy.config]
source = "http://127.0.0.1:{source.server_port}"
timeout = 2.0

[plugins.shelf.config]
default_ttl = "1h"
max_entry = "1KiB"
ttl = {{ brief = "1ms" }}
"""
    )
    paths = [EXAMPLES / "caching_proxy.py", EXAMPLES / "shelf.py"]
    server = weft_server(*paths, "--config", tmp_path / "weft.toml", within=240)
    headers = {"host": f"proxy.localhost:{server.port}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        yield client


def test_the_source_is_asked_once_and_spared_from_then_on(proxy, source):
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: proxy.get("/names/ada"), range(10)))
    assert {answer.text for answer in answers} == {'{"path": "/names/ada", "number": 1}'}
    assert sorted(answer.headers["x-cache"] for answer in answers) == ["hit"] * 9 + ["miss"]
    assert proxy.get("/names/ada").headers["x-cache"] == "hit"
    assert source.asked == ["/names/ada"]


def test_what_the_source_said_last_is_given_while_it_fails_or_is_asked_too_often(proxy, source):
    for _ in range(LIMIT):
        assert proxy.get("/brief/ada").headers["x-cache"] == "miss"
        time.sleep(0.01)
    limited = proxy.get("/brief/ada")
    assert (limited.status_code, limited.headers["x-cache"]) == (200, "stale")
    assert limited.json()["number"] == LIMIT
    source.fails = True
    assert proxy.get("/brief/ada").headers["x-cache"] == "stale"
    unknown = proxy.get("/brief/bob")
    assert (unknown.status_code, "503" in unknown.text) == (502, True)
    status = proxy.get("/status").json()
    assert (status["answers"], status["hit_rate"]) == ({"hit": 0, "miss": LIMIT, "stale": 2, "failed": 1}, 0)
    source.shutdown()
    source.server_close()
    assert proxy.get("/brief/ada").headers["x-cache"] == "stale"


def test_an_answer_that_the_storage_does_not_keep_is_given_all_the_same(proxy, source):
    for asked in (1, 2):
        answer = proxy.get("/names/large")
        assert (answer.status_code, answer.headers["x-cache"], len(source.asked)) == (200, "miss", asked)
        assert answer.json()["path"] == "/names/large"


def test_status_lists_plugins_with_their_metadata_and_the_hit_rate(proxy):
    for _ in range(4):
        proxy.get("/names/ada")
    status = proxy.get("/status").raise_for_status().json()
    shelf = next(each for each in status["plugins"] if each["name"] == "shelf")
    assert (shelf["title"], shelf["version"], shelf["authors"]) == ("Shelf", "1.0.0", ["The Weft maintainers"])
    assert (shelf["homepage"], shelf["provides"]) == ("https://example.org/shelf", ["storage#shelf@1"])
    assert status["answers"] == {"hit": 3, "miss": 1, "stale": 0, "failed": 0}
    assert status["hit_rate"] == 0.75
    assert status["storage"]["entries"] == 2
    assert "proxy_hit_rate 0.7500" in proxy.get("/metrics").text
