"""A server whose steps can fail: as its operator and its clients see it, and what it has on the disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from faults import Faults
from weft.server.state import Store

APP = """
import os
from pathlib import Path
WORD = "{word}"
COPY = os.urandom(8).hex()
async def app(scope, receive, send):
    if scope["type"] == "http":
        if scope["path"] == "/keep":
            Path(os.environ["WEFT_DATA_DIR"], "kept").write_text(WORD)
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": f"{{WORD}} {{COPY}}".encode()}})
"""
SECONDS = 5
"""For everything to come to rest."""
HALF = (".partial-*", ".new-*", ".unpack-*")
"""What is being written, and moved or removed then."""
TOP = {
    "control.sock", "data", "environments", "helpers", "lock", "logs", "releases", "token", "uploads",
    "weft.db", "weft.db-shm", "weft.db-wal",
}  # fmt: skip
"""What a server keeps in STATE."""


@dataclass(frozen=True)
class Seen:
    """Plugins by name. ``stored``, ``listed``: release, digest, enabled, grants; ``answers``: word and running copy."""

    stored: dict[str, tuple[Any, ...]]
    listed: dict[str, tuple[Any, ...]]
    answers: dict[str, tuple[str, ...]]

    @property
    def words(self) -> dict[str, str]:
        return {name: answer[0] for name, answer in self.answers.items()}


class Operated:
    """``start`` starts ``weft serve`` on the same STATE, its TMPDIR in ``temporary``."""

    def __init__(self, faults: Faults, start: Callable[[], Any], temporary: Path) -> None:
        self.faults = faults
        self._start = start
        self._temporary = temporary
        self._clients: list[httpx.Client] = []
        self._numbers = Counter[str]()
        self.start()

    def start(self) -> None:
        """Begin anew; what ran before has ended."""
        self.close()
        self.server = self._start()
        self.state: Path = self.server.state
        unkept = httpx.Limits(max_keepalive_connections=0)
        control = httpx.HTTPTransport(uds=str(self.state / "control.sock"), limits=unkept)
        self._control = httpx.Client(transport=control, base_url="http://localhost/api/v1", timeout=60)
        self._web = httpx.Client(base_url=self.server.url, limits=unkept, timeout=30)
        self._clients = [self._control, self._web]

    def try_to_start(self) -> bool:
        """Whether it came to be ready; else it has ended, and said why."""
        try:
            self.start()
        except AssertionError as error:
            assert "weft serve ended with" in str(error), error
            assert "Traceback" not in str(error), error
            return False
        return True

    def check_listed(self, before: Seen) -> None:
        """All that was is listed still, whether or not it could be started."""
        listed = {each["name"]: (each["release"], each["digest"], each["enabled"]) for each in self.plugins()}
        assert listed == {name: each[:3] for name, each in before.stored.items()}

    def close(self) -> None:
        for client in self._clients:
            client.close()

    # --- what operators do ------------------------------------------------------------------------------------------

    def new_word(self) -> str:
        self._numbers["word"] += 1
        return f"word{self._numbers['word']}"

    def deploy(self, name: str, word: str, **fields: Any) -> httpx.Response:
        files = {"plugin": (f"{name}.py", self.source(word))}
        return self._control.post("/plugins", files=files, data={"name": name, **fields})

    def source(self, word: str) -> str:
        return APP.format(word=word)

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self._control.post(f"/plugins/{path}", json=body)

    def remove(self, name: str, *, purge: bool = False) -> httpx.Response:
        return self._control.delete(f"/plugins/{name}", params={"purge": purge})

    def ask(self, name: str, path: str = "/") -> httpx.Response:
        return self._web.get(path, headers={"host": f"{name}.localhost"})

    def have(self, name: str, *, enabled: bool = True, grants: bool = False, releases: int = 1) -> None:
        """Whatever there is: from now on that plugin serves, or does not, with two releases or more to choose from."""
        there = {each["name"]: each for each in self.plugins()}
        while name not in there or len(self._control.get(f"/plugins/{name}/releases").json()) < releases:
            done(self.deploy(name, self.new_word()))
            there = {each["name"]: each for each in self.plugins()}
        if there[name]["enabled"] != enabled:
            done(self.post(f"{name}/{'enable' if enabled else 'disable'}"))
        if bool(there[name]["grants"]) != grants:
            done(self.post(f"{name}/{'grant' if grants else 'revoke'}", permissions=["network=outbound"]))

    def have_none(self, name: str) -> None:
        if name in {each["name"] for each in self.plugins()}:
            done(self.remove(name, purge=True))

    # --- what there is ----------------------------------------------------------------------------------------------

    def plugins(self) -> list[dict[str, Any]]:
        return self._control.get("/plugins").json()

    def seen(self) -> Seen:
        """What can be seen once all is at rest."""
        self.rest()
        listed = {
            each["name"]: (each["release"], each["digest"], each["enabled"], tuple(each["grants"]))
            for each in self.plugins()
        }
        answers = {name: tuple(self.ask(name).text.split()) for name in listed if listed[name][2]}
        with self._store() as store:
            stored = {
                each.name: (each.current.number, each.current.digest, each.enabled, each.grants)
                for each in store.plugins()
            }
        return Seen(stored, listed, answers)

    @contextmanager
    def _store(self) -> Any:
        store = Store(self.state / "weft.db")
        try:
            yield store
        finally:
            store.close()

    def rest(self) -> None:
        """Wait until nothing drains, and only what serves has processes."""
        deadline = time.monotonic() + SECONDS
        while not (idle := self._at_rest()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert idle, f"{self.plugins()} do not come to rest"

    def _at_rest(self) -> bool:
        plugins = self.plugins()
        wanted = {member["pid"] for each in plugins for member in each["instances"]}
        moving = any(each["draining"] or each["state"] == "stopping" for each in plugins)
        return not moving and run_only(self.server.process.pid, wanted)

    def check(self, seen: Seen, *, of_no_moment: bool = False) -> None:
        """What is stored is listed, runs and answers; nothing else is there.

        ``of_no_moment``: what could not be removed may be there until the next change.
        """
        assert seen.stored == seen.listed, seen
        for name, (_, digest, enabled, _) in seen.stored.items():
            if enabled:
                files = self.state / "releases" / digest.removeprefix("sha256:") / "files"
                assert (files / f"{name}.py").read_text() == self.source(seen.words[name]), seen
        if of_no_moment and self.leftovers():
            done(self.deploy("other", self.new_word()))
            self.rest()
        assert not (left := self.leftovers()), "\n".join(left)

    def leftovers(self) -> list[str]:
        """What lies about, or is missing."""
        with self._store() as store:
            names = {each.name for each in store.plugins()}
            wanted = {digest.removeprefix("sha256:") for digest in store.digests()}
        places = {
            self.state: TOP,
            self.state / "releases": wanted,
            self.state / "uploads": set(),
            self.state / "data": names,
            self._temporary: set(),
        }
        left = [f"{place / each}" for place, known in places.items() for each in set(entries(place)) - known]
        left += [f"missing: {each}" for each in wanted - set(entries(self.state / "releases"))]
        return left + [str(each) for kind in HALF for each in self.state.rglob(kind)]

    def descriptors(self) -> Counter[str]:
        """What the server has open, by its kind; the connections to its database come and go."""
        links = [_link(entry) for entry in Path(f"/proc/{self.server.process.pid}/fd").iterdir()]
        return Counter(link.partition(":[")[0] for link in links if link and "weft.db" not in link)

    def check_descriptors(self, most: Counter[str]) -> None:
        deadline = time.monotonic() + SECONDS
        while (more := self.descriptors() - most) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not more, f"descriptors left open: {more}"


def done(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code < 300, answer.text
    return answer


def entries(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()] if folder.is_dir() else []


def children(pid: int) -> set[int]:
    """The living processes that ``pid`` is the parent of."""
    found: set[int] = set()
    with suppress(FileNotFoundError):  # it has ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found |= {int(each) for each in (thread / "children").read_text().split()}
    return found


def run_only(pid: int, wanted: set[int]) -> bool:
    """Whether ``wanted`` run below ``pid``, and else only what starts and keeps them."""
    own = children(pid)
    below, workers, level = set(own), set[int](), own
    while level := set[int]().union(*map(children, level)):
        below |= level
        workers |= {each for each in level if not children(each)}
    return workers <= wanted <= below


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""
