"""Code from repositories: at a ref, with submodules, and every way in which one can be refused, within its deadline."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from weft.errors import PackageError
from weft.manifest import read_manifest
from weft.manifest.model import Git
from weft.packages.checkout import Checkouts
from weft.packages.git import fetch
from weft.packages.sources import Source, open_source

pytestmark = pytest.mark.system_package("git")
IDENTITY = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "protocol.file.allow=always"]


def git(folder: Path, *arguments: str) -> str:
    command = ["git", *IDENTITY, *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Repository:
    """A repository of this machine's, reached by its ``file://`` address."""

    def __init__(self, folder: Path, **files: str) -> None:
        self.folder = folder
        self.url = f"file://{folder}"
        folder.mkdir()
        git(folder, "init", "--quiet", "--initial-branch", "main")
        self.first = self.commit(**files)

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            path = self.folder / name.replace("__", ".")
            path.write_text(text)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--allow-empty", "--message", "x")
        return git(self.folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "code", sample__py="def Execute(ctx):\n    return 1\n")


def fetched(git: Git, into: Path, *, deadline: float = 20) -> str:
    return asyncio.run(fetch(git, into, deadline=deadline))


def refused(url: str, tmp_path: Path, deadline: float = 20, **more: str) -> str:
    began = time.monotonic()
    with pytest.raises(PackageError) as error:
        fetched(Git(url=url, **more), tmp_path / "into", deadline=deadline)
    assert time.monotonic() - began < deadline + 10
    assert url.rpartition("@")[2] in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("ref", ["", "main", "v1", "topic"])
def test_a_branch_or_a_tag_is_fetched(tmp_path, repository, ref):
    git(repository.folder, "tag", "v1")
    git(repository.folder, "branch", "topic")
    second = repository.commit(sample__py="second\n")
    commit = fetched(Git(url=repository.url, ref=ref), tmp_path / "into")
    assert commit == (second if ref in ("", "main") else repository.first)
    assert ("second" in (tmp_path / "into/sample.py").read_text()) == (commit == second)


def test_a_commit_may_be_the_ref(tmp_path, repository):
    assert fetched(Git(url=repository.url, ref=repository.first), tmp_path / "into") == repository.first


def test_a_branch_that_moved_is_told(tmp_path, repository):
    assert fetched(Git(url=repository.url, ref="main", commit=repository.first), tmp_path / "before")
    second = repository.commit()
    said = refused(repository.url, tmp_path, ref="main", commit=repository.first)
    assert f"main has moved: expected commit {repository.first}, found {second}" in said


def test_a_ref_or_a_repository_that_is_not_there(tmp_path, repository):
    assert "has no branch, tag or commit v9" in refused(repository.url, tmp_path, ref="v9")
    short = refused(repository.url, tmp_path / "short", ref=repository.first[:10])
    assert f"commit {repository.first[:10]}; a commit is written with all 40 digits" in short
    assert "git says: " in refused(f"file://{tmp_path}/nothing", tmp_path / "other")


def test_one_that_does_not_answer(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/code.git"
        assert "did not answer within 1 s" in refused(url, tmp_path, deadline=1)


class AsksForPassword(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="code"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class GitOverHttp(AsksForPassword):
    """Git's own server of repositories below the folder ``root``, as a web server runs it (RFC 3875)."""

    def __init__(self, root: Path, *more: Any) -> None:
        self.root = root
        super().__init__(*more)  # which answers already

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        size = self.headers.get("Content-Length", "0")
        about = {
            "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
            "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": size, "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_ADDR": "127.0.0.1",
        }  # fmt: skip
        done = subprocess.run(
            ["git", "http-backend"], input=self.rfile.read(int(size)), env={**os.environ, **about}, capture_output=True,
            check=True,
        )  # fmt: skip
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().splitlines()]
        self.send_response(next((int(value[:3]) for name, value in lines if name == "Status"), 200))
        for name, value in lines:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - as http.server names it


@pytest.fixture
def serving(https, monkeypatch):
    """``with serving(handler) as url``: over https, by a certificate that git trusts."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(https.certificate))
    return lambda handler: https(HTTPServer(("127.0.0.1", 0), handler))


@pytest.mark.system_package("openssl")
def test_code_comes_over_https(tmp_path, repository, serving):
    git(repository.folder, "tag", "v1")
    second = repository.commit(sample__py="second\n")
    with serving(partial(GitOverHttp, tmp_path)) as site:
        assert fetched(Git(url=f"{site}/code/.git", ref="v1"), tmp_path / "first") == repository.first
        assert fetched(Git(url=f"{site}/code/.git"), tmp_path / "second") == second
        assert "has no branch, tag or commit v2" in refused(f"{site}/code/.git", tmp_path, ref="v2")
        assert "not found" in refused(f"{site}/nothing/.git", tmp_path / "other")
    assert (tmp_path / "second/sample.py").read_text() == "second\n"


@pytest.mark.system_package("openssl")
def test_one_that_asks_for_a_password(tmp_path, serving, monkeypatch):
    monkeypatch.setenv("GIT_ASKPASS", "sleep")  # whoever asks waits for ever
    with serving(AsksForPassword) as site:
        assert "it asks for a password or a key" in refused(f"{site}/code.git", tmp_path)


SSH = """#!/bin/sh
# As ssh: options, host, command; the host is this machine.
echo "$@" >> "$SSH_LOG"
while [ "${1#-}" != "$1" ]; do
    [ "$1" = -G ] && exit 0
    case "$1" in -i|-o|-p) shift ;; esac
    shift
done
shift
exec sh -c "$*"
"""


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """A program in the place of ssh, which runs the command on this machine, and the file with its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ssh").write_text(SSH)
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("SSH_LOG", str(tmp_path / "ssh.log"))
    return folder / "ssh", tmp_path / "ssh.log"


def test_code_comes_over_ssh_which_is_told_to_ask_for_nothing(tmp_path, repository, ssh):
    git(repository.folder, "tag", "v1")
    repository.commit(sample__py="second\n")
    for number, url in enumerate(
        [f"ssh://ada@code.example:2222{repository.folder}", f"ada@code.example:{repository.folder}"]
    ):
        into = tmp_path / f"into{number}"
        assert fetched(Git(url=url, ref="v1"), into) == repository.first
        assert "return 1" in (into / "sample.py").read_text()
    calls = [line for line in ssh[1].read_text().splitlines() if "git-upload-pack" in line]
    assert len(calls) == 2
    assert all("-oBatchMode=yes" in call and "ada@code.example git-upload-pack" in call for call in calls)
    assert "-p 2222" in calls[0]


@pytest.mark.parametrize("said", ["environment", "configuration"])
def test_the_operators_own_ssh_command_holds(tmp_path, repository, ssh, monkeypatch, said):
    if said == "environment":
        monkeypatch.setenv("GIT_SSH_COMMAND", f"{ssh[0]} -i {tmp_path}/key")
    else:
        monkeypatch.setenv("HOME", str(tmp_path))
        git(tmp_path, "config", "--global", "core.sshCommand", f"{ssh[0]} -i {tmp_path}/key")
    fetched(Git(url=f"ssh://code.example{repository.folder}"), tmp_path / "into")
    called = ssh[1].read_text()
    assert f"-i {tmp_path}/key " in called
    assert "BatchMode" not in called


def test_an_ssh_that_is_refused_and_one_that_is_silent(tmp_path, ssh):
    url = "ssh://code.example/code.git"
    ssh[0].write_text("#!/bin/sh\necho 'ada@code.example: Permission denied (publickey,password).' >&2\nexit 255\n")
    assert "it asks for a password or a key" in refused(url, tmp_path)
    ssh[0].write_text("#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n")
    assert "does not know this host by its key" in refused(url, tmp_path / "stranger")
    ssh[0].write_text("#!/bin/sh\nexec sleep 60\n")
    assert "did not answer within 1 s" in refused(url, tmp_path / "again", deadline=1)


ASKING = """#!/bin/sh
[ "$1" = -G ] && exit 0
if (: < /dev/tty) 2>/dev/null; then echo "there is a terminal" >&2; fi
echo "askpass: $SSH_ASKPASS_REQUIRE" >&2
exit 255
"""


def test_an_ssh_of_the_operators_has_no_terminal_and_no_window_to_ask_in(tmp_path, ssh, monkeypatch):
    ssh[0].write_text(ASKING)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh[0]))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    said = refused("ssh://code.example/code.git", tmp_path)
    assert "askpass: never" in said
    assert "there is a terminal" not in said


def test_a_password_in_the_address_is_not_shown(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(PackageError) as error:
            fetched(Git(url=f"https://ada:secret@127.0.0.1:{port}/code.git"), tmp_path / "into", deadline=1)
    assert "secret" not in str(error.value)
    assert f"127.0.0.1:{port}/code.git" in str(error.value)


def test_submodules_come_along(tmp_path, repository):
    inner = Repository(tmp_path / "inner", deep__py="deep\n")
    git(repository.folder, "submodule", "--quiet", "add", inner.url, "lib")
    repository.commit()
    fetched(Git(url=repository.url), tmp_path / "into")
    assert (tmp_path / "into/lib/deep.py").read_text() == "deep\n"


def test_a_submodule_loop_is_told(tmp_path, repository):
    other = Repository(tmp_path / "other")
    git(repository.folder, "submodule", "--quiet", "add", other.url, "lib")
    repository.commit()
    git(other.folder, "submodule", "--quiet", "add", repository.url, "back")
    other.commit()
    git(repository.folder / "lib", "pull", "--quiet")
    repository.commit()
    said = refused(repository.url, tmp_path)
    assert f"submodules lead in a circle: {repository.url} → {other.url} → {repository.url}" in said


@pytest.mark.system_package("openssl")
def test_no_file_of_this_machine_is_read_for_a_repository_from_elsewhere(tmp_path, repository, serving):
    secret = Repository(tmp_path / "secret", secret__py="secret")
    with serving(partial(GitOverHttp, tmp_path)) as site:
        url = f"{site}/code/.git"
        assert fetched(Git(url=url), tmp_path / "alone") == repository.first
        git(repository.folder, "submodule", "--quiet", "add", secret.url, "lib")
        repository.commit()
        assert "transport 'file' not allowed" in refused(url, tmp_path)
    assert not list((tmp_path / "into").rglob("secret.py"))


def manifest(folder: Path, url: str, **more: str) -> Path:
    folder.mkdir()
    source = {"mode": "remote_git", "path": url, **more}
    text = {"name": "sample", "version": "0.1.0", "description": "From afar", "source": source}
    (folder / "plugin.json").write_text(json.dumps(text))
    return folder


def opened_from(folder: Path, tmp_path: Path) -> Source:
    """The plugin in this folder, with its code."""

    async def main() -> Source:
        return await Checkouts(asyncio.to_thread).complete(open_source(folder, None, tmp_path), tmp_path)

    return asyncio.run(main())


def test_a_plugin_from_a_repository_is_a_folder_with_its_code_and_its_requirements(tmp_path, repository):
    commit = repository.commit(requirements__txt="idna>=3\n")
    opened = opened_from(manifest(tmp_path / "named", repository.url), tmp_path)
    assert (opened.manifest.name, opened.manifest.description) == ("sample", "From afar")
    assert (opened.manifest.entry, opened.manifest.requires.packages) == ("sample:Execute", ("idna>=3",))
    assert opened.manifest.git is None
    assert json.loads((opened.folder / "plugin.json").read_text())["source"]["commit"] == commit
    assert read_manifest(opened.folder).entry == "sample:Execute"


def test_the_repositorys_own_plugin_json_says_which_module(tmp_path, repository):
    source = {"mode": "local_so", "path": "second.so"}
    own = json.dumps({"name": "its-own", "version": "9.0.0", "source": source})
    repository.commit(second__py="def Execute(ctx): ...\n", plugin__json=own)
    opened = opened_from(manifest(tmp_path / "named", repository.url), tmp_path)
    assert (opened.manifest.name, opened.manifest.version, opened.manifest.entry) == (
        "sample", "0.1.0", "second:Execute",
    )  # fmt: skip


def test_no_link_of_a_repositorys_leads_out_of_it(tmp_path, repository):
    (tmp_path / "secret").write_text("a secret of this machine's\n")
    (repository.folder / "requirements.txt").symlink_to(tmp_path / "secret")
    repository.commit()
    with pytest.raises(PackageError, match=f"repository {repository.url}: requirements.txt: is a link to") as refused:
        opened_from(manifest(tmp_path / "named", repository.url), tmp_path)
    assert "a secret" not in str(refused.value)


OURS = """
[project]
name = "its-own"
version = "9.0.0"

[tool.weft]
entry = "third:work"
provides = ["task"]
"""


def test_a_repository_that_is_a_plugin_of_weft_says_what_it_is(tmp_path, repository):
    repository.commit(third__py="def work(ctx): ...\n", pyproject__toml=OURS)
    opened = opened_from(manifest(tmp_path / "named", repository.url), tmp_path)
    assert (opened.manifest.name, opened.manifest.version, opened.manifest.entry) == (
        "sample", "9.0.0", "third:work",
    )  # fmt: skip
    assert opened.note == (
        f"repository {repository.url}: its pyproject.toml says what the plugin is, and plugin.json gives its name "
        "alone: version 9.0.0"
    )
    outer = json.loads((tmp_path / "named/plugin.json").read_text())
    routes = [{"route": "/a", "method": "GET", "label": "a"}]
    (tmp_path / "named/plugin.json").write_text(
        json.dumps({**outer, "http_services": {"driver": "asgi", "routes": routes}})
    )
    with pytest.raises(
        PackageError, match=r"pyproject\.toml says .* http_services of plugin\.json would not be served"
    ):
        opened_from(tmp_path / "named", tmp_path / "again")


def test_several_modules_need_a_name(tmp_path, repository):
    repository.commit(other__py="x = 1\n", sample__py="y = 1\n")
    git(repository.folder, "mv", "sample.py", "third.py")
    repository.commit()
    with pytest.raises(PackageError, match=f"repository {repository.url}: it has not exactly one module or package"):
        opened_from(manifest(tmp_path / "named", repository.url), tmp_path)
