"""What the page for GLoom's users shows is what happens: its program, its `curl` lines, the tests that it names."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/from-gloom.md").read_text()
FILES = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', TEXT, re.MULTILINE | re.DOTALL))
LINES = re.findall(r"^\$ (curl .*)\n(.*)\n", TEXT, re.MULTILINE)


@pytest.mark.system_package("curl")
def test_each_of_gloomis_endpoints_by_a_line_of_curl(weft_server, tmp_path):
    server = weft_server()
    (tmp_path / "shop.py").write_text(FILES["shop.py"])
    printed = []
    for line, _ in LINES:
        command = line.replace("localhost:3000", f"localhost:{server.port}").split()
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        printed.append(done.stdout)
    assert printed == [expected for _, expected in LINES]
    methods = {"DELETE" if "DELETE" in line else "POST" if "-F" in line else "GET" for line, _ in LINES}
    assert methods == {"GET", "POST", "DELETE"}


def test_a_server_with_glooms_configuration(weft_server, tmp_path):
    """The page's own file, with its plugin below ``plugs``, and GLoom's variables."""
    config, plugs = tmp_path / "weft.toml", tmp_path / "plugs"
    plugs.mkdir()
    config.write_text(FILES["weft.toml"])
    (plugs / "shop.py").write_text(FILES["shop.py"])
    preloaded = [
        {"file": str(ROOT / "examples/hello.py"), "name": "hello", "domains": ["hello.example.org"]},
        {"file": "gloomi.so", "name": "gloomi", "domains": ["admin.example.org"]},
    ]
    env = {"PRELOADED_PLUGINS": json.dumps(preloaded), "DEBUG": "1"}
    server = weft_server("--config", config, env=env)

    def ask(domain, path="/", method="GET"):
        return httpx.request(method, f"{server.url}{path}", headers={"host": f"{domain}:{server.port}"}, timeout=30)

    assert ask("shop.example.org").text == "Yarn and cloth\n"
    assert ask("hello.example.org", "/Ada").text == "hello, Ada\n"
    assert ask("admin.example.org", "/api/plugins").json() == [
        {"name": "hello", "domains": ["hello.example.org"]},
        {"name": "shop", "domains": ["shop.example.org"]},
    ]
    assert ask("localhost", "/api/plugins").status_code == 404
    for name in ("shop", "hello"):
        assert ask("admin.example.org", f"/api/plugins/{name}", "DELETE").text == "Plugin is preloaded"
    assert "enableChroot: the sandbox is in its place" in server.text
    assert '"level": "debug"' in server.text


@pytest.mark.system_package("go")
@pytest.mark.timeout(300)
def test_the_program_prints_what_the_page_says(weft_server, tmp_path):
    server = weft_server()
    (tmp_path / "shop.py").write_text(FILES["shop.py"])
    (tmp_path / "main.go").write_text(FILES["main.go"].replace("127.0.0.1:7143", server.rpc))
    env = {**os.environ, "GOTOOLCHAIN": "local"}
    run = ["go", "run", "main.go"]
    done = subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=250, check=False)
    assert (done.stdout, done.stderr) == (FILES["printed"], "")


def test_the_tests_that_it_names_are_there():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?` \|$", TEXT, re.MULTILINE)
    assert len(named) == TEXT.count("| `tests/")
    for file, test in named:
        assert not test or f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"
        assert (ROOT / file).is_file()
