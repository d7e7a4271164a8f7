"""The command ``weft`` as people run it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

WEFT = str(Path(sys.executable).parent / "weft")
HELLO = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    print("asked", flush=True)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"one"})
"""
SECTIONS = ["Serve", "Deploy", "Watch", "Call", "Live", "Allow", "Make", "Machine"]
COMMANDS = (
    "serve deploy config list status top logs events call run contract restart rollback remove enable disable grant "
    "revoke new check pack dev doctor completion"
).split()


@pytest.fixture
def hello(tmp_path):
    source = tmp_path / "hello.py"
    source.write_text(HELLO)
    return source


def test_help_names_every_command_in_its_section(weft):
    done = weft("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"^([A-Z]\w+):$", done.stdout, re.MULTILINE) == ["Options", *SECTIONS]
    assert re.findall(r"^  ([a-z]+)  ", done.stdout, re.MULTILINE) == COMMANDS


def test_version(weft):
    assert re.fullmatch(r"weft, version \d+\.\d+\.\d+\S*\n", weft("--version").stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_json(command):
    from weft.cli.commands import cli

    found = cli.commands[command]
    for each in getattr(found, "commands", {"": found}).values():
        assert {"--json", "--debug", "--state"} <= {text for option in each.params for text in option.opts}


def test_help_imports_nothing_heavy():
    code = "import sys, weft.cli.commands; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"asyncio", "fastapi", "httpx", "msgspec", "pydantic", "rich", "ruamel", "sqlalchemy", "watchfiles"}
    assert not heavy & set(loaded)


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["deploy"], ["deploy", "there-is-no-such-file"], ["logs", "x", "--level", "loud"]],
)
def test_wrong_usage_exits_with_2(weft, arguments):
    done = weft(*arguments)
    assert done.returncode == 2
    assert "Usage: weft" in done.stderr


def test_without_a_server_the_error_says_how_to_get_one(weft, tmp_path):
    done = weft("list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: no server runs at {tmp_path / 'state'}")
    assert "weft serve" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in weft("list", "--debug").stderr
    told = json.loads(weft("list", "--json").stdout)
    assert told["error"]["type"] == "NoServer"


def test_a_port_that_is_taken_is_said_once(weft):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = weft("serve", "--port", port)
    assert (done.returncode, done.stdout) == (1, "")
    said = f"cannot listen on 127.0.0.1 port {port}: another program listens there; end it, or choose another --port"
    assert done.stderr == f"error: {said}\n"


def test_without_the_server_extra_one_line_says_what_to_install(tmp_path):
    code = "import sys; sys.path[:0] = sys.argv[1:]; from weft.cli import main; main()"
    source = Path(__file__).parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(source)], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the command weft needs the server extra: pip install 'weft[server]'\n"


def test_a_plugins_life(weft, hello, weft_server, tmp_path):
    server = weft_server(state=tmp_path / "state")
    address = f"http://hello.localhost:{server.port}"

    done = weft("deploy", hello, "--env", "API_KEY", "--set", "colour=hidden", API_KEY="hidden")
    assert (done.returncode, done.stdout) == (0, f"hello#1 serves at {address}\n"), done.stderr
    assert weft("deploy", hello).stdout == f"hello#1 serves already at {address}\n"
    assert ask(server, "hello.localhost") == "one"

    hello.write_text(HELLO.replace("one", "two"))
    deployed = json.loads(weft("deploy", hello, "--json").stdout)
    assert (deployed["release"], deployed["changed"], deployed["urls"]) == (2, True, [address])
    assert ask(server, "hello.localhost") == "two"

    hello.write_text(HELLO + "\nraise LookupError('the shelf is empty')\n")
    failed = weft("deploy", hello)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "the shelf is empty" in failed.stderr
    assert 'hello.py", line 9' in failed.stderr
    assert "weft/cli" not in failed.stderr
    assert ask(server, "hello.localhost") == "two"

    assert weft("rollback", "hello").stdout == f"hello#1 serves at {address}\n"
    assert ask(server, "hello.localhost") == "one"
    listed = weft("list").stdout.splitlines()
    assert listed[0].split() == [
        "PLUGIN",
        "VERSION",
        "STATE",
        "SINCE",
        "MEMORY",
        "SERVES",
        "TITLE",
        "AUTHORS",
        "WEBSITE",
    ]
    assert listed[1].startswith("hello#1  0.0.0    running")
    assert "state      running" in weft("status", "hello").stdout
    printed = [json.loads(line)["text"] for line in weft("logs", "hello", "--json").stdout.splitlines()]
    assert printed.count("asked") == 4
    assert "  hello#2 serves\n" in weft("events").stdout
    keys = weft("config", "hello").stdout
    assert "colour" in keys
    assert "API_KEY" in keys
    assert "hidden" not in keys + server.text + weft("status", "hello", "--json").stdout

    assert weft("disable", "hello").stdout == "hello is disabled\n"
    assert weft("enable", "hello").returncode == 0
    assert weft("restart", "hello").returncode == 0
    assert weft("grant", "hello", "memory=1GiB").stdout == "hello is granted memory=1GiB\n"
    assert weft("revoke", "hello", "memory=1GiB").stdout == "hello is granted nothing\n"
    assert weft("remove", "hello").stdout == "hello is removed\n"
    gone = weft("status", "hello")
    assert gone.returncode == 1
    assert "hello" in gone.stderr


def ask(server, host):
    request = urllib.request.Request(server.url, headers={"host": f"{host}:{server.port}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def test_new_check_pack_and_deploy_of_what_they_make(weft, weft_server, tmp_path):
    assert weft("new", "my-shop", "--web").returncode == 0
    again = weft("new", "my-shop")
    assert (again.returncode, "exists already" in again.stderr) == (1, True)
    checked = weft("check", "my-shop")
    assert (checked.returncode, checked.stdout) == (0, "my-shop 0.1.0: good; provides web@1\n")
    packed = weft("pack", "my-shop")
    assert packed.stdout == "my-shop-0.1.0.plg\n"
    first = (tmp_path / "my-shop-0.1.0.plg").read_bytes()
    assert weft("pack", "my-shop", "-o", "again.plg", "--json").returncode == 0
    assert (tmp_path / "again.plg").read_bytes() == first
    server = weft_server(state=tmp_path / "state")
    assert "my-shop#1 serves at" in weft("deploy", "my-shop").stdout
    assert "serves already" in weft("deploy", "again.plg").stdout
    assert ask(server, "my-shop.localhost") == "Hello from my-shop\n"


STOCKPILE = """
Metadata = {"Name": "My Plugin", "Version": "0.1.0", "Authors": ["Jane Doe", "Joe"], "Website": "https://example.org"}

class Echo:
    def say(self, text: str) -> str:
        return text

def InitializePlugin(ctx):
    ctx.register("echo", "loud", lambda config: Echo())
    ctx.register("echo", "quiet", lambda config: Echo())
"""


def test_title_authors_and_website_are_shown_and_components_called(weft, weft_server, tmp_path):
    (tmp_path / "mine.py").write_text(STOCKPILE)
    state = weft_server(tmp_path / "mine.py").state
    listed = weft("list", WEFT_STATE=state).stdout
    assert re.search(r"mine#1 .*echo#loud@1 echo#quiet@1 +My Plugin +Jane Doe, Joe +https://example.org", listed)
    status = weft("status", "My Plugin", WEFT_STATE=state).stdout
    assert re.search(r"^authors +Jane Doe, Joe$", status, re.MULTILINE)
    assert re.search(r"^website +https://example.org$", status, re.MULTILINE)
    assert weft("call", "mine", "echo#loud.say", '{"text": "hello"}', WEFT_STATE=state).stdout == '"hello"\n'
    shown = weft("contract", "show", "mine", WEFT_STATE=state)
    assert (shown.returncode, shown.stdout.count('@weft.contract(name="echo")')) == (0, 2)


def test_check_tells_every_problem(weft, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "plugin.yaml").write_text("name: no/name\nprovide: [web]\n")
    done = weft("check", "bad")
    assert done.returncode == 1
    assert "no/name" in done.stdout
    assert "provides" in done.stdout
    told = json.loads(weft("check", "bad", "--json").stdout)
    assert told["ok"] is False
    assert len(told["problems"]) >= 2


def test_doctor_is_honest(weft):
    done = weft("doctor", "--json")
    facts = {each["name"]: each for each in json.loads(done.stdout)}
    assert done.returncode == 0
    parts = [each for name, each in facts.items() if name.startswith("sandbox: ")]
    assert {"sandbox: files", "sandbox: memory", "sandbox: network: none", "sandbox: system calls"} <= set(facts)
    assert all(each["ok"] != each["detail"].startswith(("not enforced", "partly")) for each in parts)
    assert facts["sandbox"]["ok"] == all(each["ok"] for each in parts)
    assert facts["builds of packages"]["ok"] == facts["sandbox"]["ok"]
    if os.environ.get("CI") == "true":
        assert facts["sandbox"]["detail"].startswith("full"), facts
    assert facts["Python of the host"]["ok"]
    assert not facts["server"]["ok"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(weft, shell):
    assert "_WEFT_COMPLETE" in weft("completion", shell).stdout


def test_dev_loads_anew_and_keeps_the_old_one_when_the_new_fails(hello, tmp_path):
    log = tmp_path / "dev.log"
    with log.open("w") as sink:
        dev = subprocess.Popen([WEFT, "dev", str(hello), "--port", "0"], stdout=sink, stderr=subprocess.STDOUT)
    try:
        wait_for(dev, log, r"hello#1 serves at http://hello\.localhost:(\d+)")
        hello.write_text(HELLO + "\nraise LookupError('the shelf is empty')\n")
        wait_for(dev, log, r"LookupError: the shelf is empty")
        hello.write_text(HELLO.replace("one", "two"))
        port = wait_for(dev, log, r"hello#2 serves at http://hello\.localhost:(\d+)")
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"host": "hello.localhost"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.read() == b"two"
        wait_for(dev, log, r"hello \| asked")
    finally:
        dev.send_signal(signal.SIGINT)
        code = dev.wait(30)
    assert code == 0, log.read_text()


def wait_for(process, log, pattern):
    deadline = time.monotonic() + 40
    while not (found := re.search(pattern, log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    return found[1] if found.groups() else found[0]
