"""A server without its front and management, and plugins to upload."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from weft.engine import Engine
from weft.packages.contents import ContentStore
from weft.server.domains import Claims
from weft.server.fleet import Fleet
from weft.server.journal import Journal
from weft.server.loading import Loader
from weft.server.logs import Logs
from weft.server.operator import Operator
from weft.server.router import Router
from weft.server.state import StateFolder, Store
from weft.server.trials import Trials
from weft.server.uploads import Upload
from weft.settings import ServerSettings


class Host:
    """A server without its front and management."""

    def __init__(self, state, **settings):
        self.settings = ServerSettings(state=state, **settings)
        self.state = StateFolder(state)
        self.store = Store(self.state.database)
        self.logs = Logs(self.state.logs, bytes_each=100_000)
        self.journal = Journal(self.store)
        self.engine = Engine(state, contracts=(), output=self.logs.accept, supervision=self.settings.supervision)
        self.router = Router(["localhost"])
        self.contents = ContentStore(self.state.contents)
        self.fleet = Fleet(self.engine, self.router, self.contents, Claims(["localhost"]), state / "data")
        self.operator = Operator(self.settings, self.state, self.store, self.fleet, self.journal, self.logs)
        self.trials = Trials(self.fleet, self.store, self.operator)
        self.loader = Loader(self.settings, self.store, self.fleet, self.operator, self.journal)
        self.engine.listen(self.journal.accept)
        self.engine.listen(self.trials.accept)

    async def ask(self, domain):
        """The body that a domain answers."""
        service = self.router.lookup(domain.encode())
        if service is None:
            return None
        args = ["GET", b"/", [[b"host", domain.encode()]], "http", "1.1", None, None, b""]
        answer = await service.pick().call("web.request", args, timeout=10)
        return bytes(answer[2]).decode()

    async def restore(self):
        return [outcome async for outcome in self.loader.restore(lambda _line: None)]

    async def preload(self, *paths):
        return [outcome async for outcome in self.loader.preload(paths, lambda _line: None)]

    def snapshot(self):
        """Everything that a failed change must leave as it was."""
        left = sorted(str(each) for each in self.state.uploads.iterdir())
        return self.store.plugins(), self.contents.digests(), left, self.fleet.claims._owners, self.router._owners


@pytest.fixture
def hosting():
    """``async with hosting(state, **settings) as host``."""
    return _hosting


@asynccontextmanager
async def _hosting(state, **settings):
    host = Host(state, **settings)
    host.state.open()
    host.store.open()
    try:
        async with host.engine:
            yield host
            await host.trials.close()
            await host.operator.close(5)
            await host.loader.close()
    finally:
        host.store.close()
        host.state.close()


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def upload(tmp_path):
    def make(stem, text, /, **options):
        path = tmp_path / "incoming" / f"{stem}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return Upload(path=path, filename=f"{stem}.py", **options)

    return make
