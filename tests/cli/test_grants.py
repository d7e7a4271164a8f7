"""``weft grant`` and ``revoke``, what ``weft check`` says of leave, and what a shell completes of both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WEFT = str(Path(sys.executable).parent / "weft")
APP = "async def app(scope, receive, send): ...\n"


def plugin(folder, *lines, name="shop"):
    path = folder / f"{name}.py"
    path.write_text("".join(f"# {line}\n" for line in ("/// script", "[tool.weft]", *lines, "///")) + APP)
    return path


def completed(tmp_path, words):
    """What a shell offers for the last of the words."""
    env = {**os.environ, "WEFT_STATE": str(tmp_path / "state"), "_WEFT_COMPLETE": "zsh_complete"}
    typed = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    done = subprocess.run([WEFT], env={**env, **typed}, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()[1::3]


def test_a_change_of_grants_says_what_it_came_to(weft, weft_server, tmp_path):
    weft_server(state=tmp_path / "state", env={"WEFT_POLICY_MEMORY": "256MiB"})
    assert weft("deploy", plugin(tmp_path, "limits.cpu = 2", name="other")).returncode == 0
    assert weft("deploy", plugin(tmp_path, 'permissions.read = ["/srv"]'), "--allow", "read=/srv").returncode == 0
    said = weft("grant", "shop", "memory=300MiB").stdout
    assert said == "shop is granted memory=300MiB read=/srv: new instances serve with that\n"
    assert weft("grant", "shop", "memory=300MiB").stdout == "shop is granted memory=300MiB read=/srv\n"
    wrong = weft("grant", "shop", "reed=/srv")
    assert (wrong.returncode, "did you mean 'read'?" in wrong.stderr) == (1, True)
    assert completed(tmp_path, "weft revoke shop ") == ["memory=300MiB", "read=/srv"]
    assert completed(tmp_path, "weft revoke shop r") == ["read=/srv"]
    assert completed(tmp_path, "weft revoke other ") == []
    taken = json.loads(weft("revoke", "shop", "memory=300MiB", "--json").stdout)
    assert taken == {"name": "shop", "grants": ["read=/srv"], "swapped": True, "disabled": ""}
    said = weft("revoke", "shop", "read=/srv").stdout
    assert said.startswith("shop is granted nothing, and is disabled: shop 0.0.0 asks for more than it may have:\n")
    assert "weft grant shop read=/srv" in said


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("weft grant shop net", ["network=none", "network=loopback", "network=outbound"]),
        ("weft grant shop r", ["runtime=process", "runtime=inline", "runtime=executable", "runtime=wasm", "read="]),
        ("weft deploy x.py --allow m", ["memory=", "manage"]),
        ("weft revoke shop m", []),
    ],
)
def test_a_shell_completes_what_can_be_granted(tmp_path, words, offered):
    assert completed(tmp_path, words) == offered


def test_check_says_what_a_deploy_would_have_to_allow(weft, tmp_path):
    path = plugin(tmp_path, f'permissions.read = ["/srv", "{tmp_path}"]', 'limits.disk = "2GiB"')
    done = weft("check", path)
    assert done.returncode == 0
    first, second, last = done.stdout.splitlines()
    assert first.startswith("note: ")
    assert f"weft deploy --allow read=/srv --allow read={tmp_path} --allow disk=2GiB" in first
    assert f"shop may read {tmp_path}, which holds the server's own folder {tmp_path}/state" in second
    assert last == "shop 0.0.0: good; provides what its entry is"
    told = json.loads(weft("check", path, "--json").stdout)
    assert (told["ok"], len(told["notes"])) == (True, 2)


def test_check_says_where_a_path_is_wrong(weft, tmp_path):
    done = weft("check", plugin(tmp_path, 'permissions.write = ["data"]'))
    assert done.returncode == 1
    assert "shop.py:3: permissions.write[0]: 'data' is not an absolute path" in done.stdout
