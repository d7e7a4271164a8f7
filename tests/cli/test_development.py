"""``weft dev`` for plugins that provide contracts, and with a debugger."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

WEFT = str(Path(sys.executable).parent / "weft")
SHELF = """
# /// script
# [tool.weft]
# provides = ["shelf"]
# limits.call = "1s"
# ///
import time
print("imported")

class Plugin:
    def put(self, book: str, copies: int = 1) -> int:
        time.sleep(3 if book == "slow" else 0)
        return copies
"""
TASK = """
# /// script
# [tool.weft]
# provides = ["task"]
# ///
async def Execute(ctx):
    return "done"
"""


@contextmanager
def developing(source, log, *options):
    """``weft dev`` in a process; it is asked to end, and must end well."""
    with log.open("w") as sink:
        command = [WEFT, "dev", str(source), "--port", "0", *options]
        dev = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)
    try:
        yield dev
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
    return found


def test_a_contract_is_served_and_the_way_to_call_it_told(weft, tmp_path):
    source, log = tmp_path / "shelf.py", tmp_path / "dev.log"
    source.write_text(SHELF)
    with developing(source, log) as dev:
        told = wait_for(dev, log, r"shelf#1 serves shelf@1\n  (weft call shelf shelf.put JSON --state \S+)   # (.*)\n")
        assert told[2] == "(book: str, copies: int = 1) -> int"
        lines = log.read_text().splitlines()
        assert lines[:2] == ["starting a server; Ctrl-C ends it", "starting shelf 0.0.0"]
        assert "shelf | imported" in lines
        command = told[1].replace("JSON", '["Weft"]').split()[1:]
        assert weft(*command).stdout == "1\n"
        assert "title: " not in weft(*command).stderr
        wrong = weft(*[word.replace('["Weft"]', "[5]") for word in command])
        assert wrong.stderr == "error: shelf.put: book: expected str, found int\n"
        source.write_text(SHELF.replace("copies: int = 1", "copies: int = 2"))
        wait_for(dev, log, r"shelf#2 serves shelf@1")
        assert weft(*command).stdout == "2\n"


def test_a_task_is_served_and_the_way_to_run_it_told(weft, tmp_path):
    source, log = tmp_path / "work.py", tmp_path / "dev.log"
    source.write_text(TASK)
    with developing(source, log) as dev:
        told = wait_for(
            dev, tmp_path / "dev.log", r"work#1 serves task@1\n  (weft run work --state \S+) --values JSON\n"
        )
        assert json.loads(weft(*told[1].split()[1:]).stdout) == {"result": "done", "values": {}}


class Editor:
    """As little of the Debug Adapter Protocol as attaches."""

    def __init__(self, host, port):
        self._socket = socket.create_connection((host, port), timeout=20)
        self._file = self._socket.makefile("rb")
        self._sent = 0

    def send(self, command, **arguments):
        self._sent += 1
        body = json.dumps({"seq": self._sent, "type": "request", "command": command, "arguments": arguments}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def until(self, kind, name):
        """The first message of that kind: an event, or the response to a command."""
        while True:
            length = int(self._file.readline().partition(b":")[2])
            self._file.readline()
            message = json.loads(self._file.read(length))
            if message["type"] == kind and name in (message.get("event"), message.get("command")):
                return message

    def attach(self):
        self.send("initialize", adapterID="test")
        self.until("response", "initialize")
        self.send("attach", justMyCode=False)
        self.until("event", "initialized")

    def close(self):
        self._file.close()
        self._socket.close()


def test_a_debugger_is_waited_for_and_has_all_the_time_there_is(weft, tmp_path):
    source, log = tmp_path / "shelf.py", tmp_path / "dev.log"
    source.write_text(SHELF)
    with developing(source, log, "--debug") as dev:
        told = wait_for(dev, log, r"shelf \| waiting for a debugger at (\S+):(\d+); for VS Code's launch.json: (.*)\n")
        launch = json.loads(told[3])
        assert launch["connect"] == {"host": "127.0.0.1", "port": int(told[2])}
        assert launch["pathMappings"][0]["localRoot"] == str(tmp_path)
        copy = Path(launch["pathMappings"][0]["remoteRoot"]) / "shelf.py"
        assert copy.read_text() == SHELF
        assert "imported" not in log.read_text()

        editor = Editor(told[1], int(told[2]))
        editor.attach()
        line = SHELF.splitlines().index("        return copies") + 1
        editor.send("setBreakpoints", source={"path": str(copy)}, breakpoints=[{"line": line}])
        editor.until("response", "setBreakpoints")
        editor.send("configurationDone")
        call = wait_for(dev, log, r"shelf#1 serves shelf@1\n  weft (call \S+ \S+) JSON (--state \S+)")
        command = [*call[1].split(), '["slow"]', *call[2].split()]
        with subprocess.Popen([WEFT, *command], stdout=subprocess.PIPE, text=True) as calling:
            stopped = editor.until("event", "stopped")
            editor.send("continue", threadId=stopped["body"]["threadId"])
            assert calling.communicate(timeout=30)[0] == "1\n"
        editor.close()


def test_a_plugin_without_a_process_cannot_wait_for_one(tmp_path):
    source, log = tmp_path / "shelf.py", tmp_path / "dev.log"
    source.write_text(SHELF.replace("# limits", '# runtime = "inline"\n# limits'))
    with developing(source, log, "--debug") as dev:
        wait_for(dev, log, r'error: plugin shelf runs inline, .*\(runtime = "process"\)')


def test_a_debugger_that_is_not_there_is_named(tmp_path, monkeypatch):
    """A debugpy that cannot be imported stands before the real one."""
    source, log = tmp_path / "shelf.py", tmp_path / "dev.log"
    source.write_text(SHELF)
    (tmp_path / "path" / "debugpy").mkdir(parents=True)
    (tmp_path / "path" / "debugpy" / "__init__.py").write_text("raise ImportError('not installed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    with developing(source, log, "--debug") as dev:
        wait_for(
            dev,
            log,
            r"error: plugin shelf 0\.0\.0: .*debugpy cannot be imported \(not installed\).*pip install debugpy",
        )
