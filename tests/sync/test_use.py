"""Typed calls without await."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

from weft.calls.deadline import deadline
from weft.contracts.declare import contract
from weft.errors import ContractError, DeadlineExceeded, PluginError, UsageError, WrongArgument

SOURCE = Path(__file__).parent / "plugins" / "gallery.py"


def test_a_call_is_a_call(gallery):
    assert gallery.small(b"picture", 3) == b"pic"
    assert gallery.small(b"picture", width=3, grey=True) == b"picgrey"
    assert gallery.where()[0] != os.getpid()
    assert gallery.hang.__doc__ is not None


def test_errors_are_the_callers(gallery):
    with pytest.raises(PluginError, match="no such picture") as caught:
        gallery.refuse()
    assert (caught.value.plugin, caught.value.type_name) == ("gallery", "LookupError")
    assert caught.traceback[0].name == "test_errors_are_the_callers"
    with pytest.raises(WrongArgument, match="width"):
        gallery.small(b"picture", "3")
    with pytest.raises(TypeError, match="unexpected keyword"):
        gallery.small(b"picture", 3, gray=True)


def test_a_deadline_of_the_calling_thread_holds(gallery):
    with pytest.raises(DeadlineExceeded), deadline(0.1):
        gallery.hang()
    assert gallery.small(b"picture", 3) == b"pic"


def test_an_interrupt_ends_a_call(gallery):
    waiting = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    waiting.start()
    with pytest.raises(KeyboardInterrupt):
        gallery.hang()
    assert gallery.small(b"picture", 3) == b"pic"


def test_sixteen_threads_call_at_once(gallery):
    def many(number):
        image = bytes([number]) * 50
        return all(gallery.small(image, 1 + n % 50) == image[: 1 + n % 50] for n in range(200))

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(many, range(16)))


def test_a_proxy_outlives_an_upgrade(engine, gallery):
    before = gallery.where()[0]
    engine.upgrade("gallery", SOURCE, config={"other": 1})
    assert gallery.where()[0] != before


def test_all_providers_and_their_hooks(engine, contracts, gallery):
    engine.load(SOURCE, name="other")
    everyone = engine.all(contracts)
    assert list(everyone) == ["gallery", "other"]
    assert len({each.where()[0] for each in everyone.values()}) == 2
    assert engine.hooks(contracts).render("page") == "page!!"
    with pytest.raises(UsageError, match="name one of gallery, other"):
        engine.use(contracts)


def test_a_contract_with_async_def_is_refused(engine):
    @contract
    class Later(Protocol):
        async def small(self, image: bytes) -> bytes: ...
        def frames(self, count: int) -> AsyncIterator[int]: ...
        def where(self) -> list[int]: ...

    for ask in (engine.use, engine.all, engine.hooks):
        with pytest.raises(ContractError, match=r"later declares small, frames with `async def` .*or use weft\.Engine"):
            ask(Later)
