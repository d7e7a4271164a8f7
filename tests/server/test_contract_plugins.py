"""Plugins that provide contracts, served: no domains, changes of contracts told, others required in order."""

from __future__ import annotations

import pytest

from weft.errors import Refused, StartFailed, UsageError

SHELF = """
# /// script
# [tool.weft]
# version = "1.0.0"
# provides = ["shelf"]
# ///
class Plugin:
    async def put(self, book: str) -> int: return 1
"""
INFERRED = """
class Plugin:
    async def put(self, book: str) -> int: return 1
"""
READER = """
# /// script
# [tool.weft]
# provides = ["reader"]
# requires.plugins = { shelf = ">=1" }
# permissions.plugins = ["shelf"]
# ///
class Plugin:
    async def read(self) -> str: return "read"
"""


def test_a_contract_needs_no_domain_and_comes_back_without(hosting, state, upload, run):
    async def deploy():
        async with hosting(state) as host:
            deployed = await host.operator.deploy(upload("shelf", SHELF))
            assert (deployed.domains, deployed.provides) == ((), ("shelf@1",))
            assert host.operator.status("shelf").provides == ("shelf@1",)
            assert host.router.domains("shelf") == ()
            await host.operator.disable("shelf")

    async def restart():
        async with hosting(state) as host:
            await host.restore()
            status = host.operator.status("shelf")
            assert (status.state, status.domains, status.provides) == ("disabled", (), ("shelf@1",))
            assert host.router.domains("shelf") == ()
            assert (await host.operator.enable("shelf")).provides == ("shelf@1",)

    run(deploy())
    run(restart())


def test_a_page_that_becomes_a_contract_gives_its_domain_up(hosting, state, upload, run):
    page = "def app(environ, start_response): ..."

    async def main():
        async with hosting(state) as host:
            assert (await host.operator.deploy(upload("shelf", page))).domains == ("shelf.localhost",)
            await host.operator.deploy(upload("shelf", SHELF))
            other = await host.operator.deploy(upload("other", page, domains=("shelf.localhost",)))
            assert other.domains == ("shelf.localhost",)

    run(main())


def test_a_release_that_breaks_its_contract_serves_and_is_told(hosting, state, upload, run):
    async def main():
        told = []
        async with hosting(state) as host:
            await host.operator.deploy(upload("shelf", SHELF))
            await host.operator.deploy(upload("shelf", SHELF + "    async def more(self) -> None: ...\n"))
            await host.operator.deploy(upload("shelf", SHELF.replace("book: str", "book: int")), progress=told.append)
            events = [each async for each in host.operator.events() if each.kind == "contract_changed"]
            assert len(events) == 1
            assert "shelf@1 is not what it was: more: the contract says" in events[0].message
            assert "book is str, not int" in events[0].message
            assert f"note: {events[0].message}" in told
            await host.operator.deploy(upload("shelf", SHELF.replace('"shelf"', '"store"')))
            last = [each.message async for each in host.operator.events() if each.kind == "contract_changed"][-1]
            assert last == "shelf@1 is not provided any more (provided: store@1)"

    run(main())


def test_a_deploy_that_fails_says_which_release_goes_on(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            with pytest.raises(StartFailed) as first:
                await host.operator.deploy(upload("shelf", "raise LookupError"))
            assert not hasattr(first.value, "__notes__")
            await host.operator.deploy(upload("shelf", SHELF))
            with pytest.raises(StartFailed) as second:
                await host.operator.deploy(upload("shelf", "raise LookupError"))
            assert second.value.__notes__ == ["shelf#1 goes on serving"]

    run(main())


def test_required_plugins_come_first_and_are_not_taken_away(hosting, state, upload, run):
    async def deploy():
        async with hosting(state) as host:
            reader = upload("a-reader", READER, allow=("plugins=shelf",))
            with pytest.raises(UsageError, match="a-reader requires shelf >=1, which"):
                await host.operator.deploy(reader)
            await host.operator.deploy(upload("shelf", SHELF))
            await host.operator.deploy(reader)
            before = host.snapshot()
            for change in (host.operator.remove("shelf"), host.operator.disable("shelf")):
                with pytest.raises(Refused, match="shelf is required by a-reader"):
                    await change
            with pytest.raises(Refused, match=r"shelf 0\.5\.0 is not what others need: a-reader requires >=1"):
                await host.operator.deploy(upload("shelf", SHELF.replace("1.0.0", "0.5.0")))
            assert host.snapshot() == before
            assert host.operator.status("shelf").state == "running"

    async def restart():
        async with hosting(state) as host:
            came = [*await host.restore(), *[each async for each in host.loader.settle()]]
            assert came == [("shelf", None), ("a-reader", None)]
            await host.operator.remove("a-reader")
            await host.operator.remove("shelf")

    run(deploy())
    run(restart())


def test_named_plugins_wait_for_each_other_wherever_they_come_from(hosting, state, tmp_path, upload, run):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "a_reader.py").write_text(READER)
    (plugins / "lost.py").write_text(READER.replace("shelf =", "nobody ="))

    async def deploy():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shelf", SHELF))

    async def restart():
        async with hosting(state, strict=True) as host:
            assert await host.preload(plugins) == []
            assert await host.restore() == [("shelf", None)]
            left = [each async for each in host.loader.settle()]
            assert left[0] == ("a_reader", None)
            assert left[1][0].endswith("lost.py")
            assert "requires nobody >=1, which" in str(left[1][1])
            assert [str(each) for each in host.loader.failures] == [str(left[1][1])]

    run(deploy())
    run(restart())
