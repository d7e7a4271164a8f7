"""Grants of plugins that run: what they change at once, what they refuse, and what a failure leaves as it was."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import event

from weft.errors import Conflict, Refused, StartFailed, StorageFailed, Unavailable, UsageError
from weft.settings import PluginSettings, PolicySettings

MIB = 1024**2
TIGHT = {"policy": PolicySettings(memory=256 * MIB, network="none")}
APP = """
import os
if os.path.exists(os.environ.get("WEFT_DATA_DIR", "") + "/broken"):
    raise RuntimeError("broken meanwhile")
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"open"})
"""


def app(*lines):
    return "".join(f"# {line}\n" for line in ("/// script", "[tool.weft]", *lines, "///")) + APP


BIG = app('limits = { memory = "1GiB" }')


async def serving(host, name="shop"):
    """The instance that answers, which is told by its process."""
    assert await host.ask(f"{name}.localhost") == "open"
    (instance,) = host.operator.status(name).instances
    return instance.pid


def limits(host, name="shop"):
    return host.engine.plugin(name).manifest.limits


def test_a_grant_and_its_end_take_effect_at_once_by_a_swap(hosting, state, upload, run):
    async def main():
        async with hosting(state, **TIGHT) as host:
            await host.operator.deploy(upload("shop", app()))
            first = await serving(host)
            assert limits(host).memory == 256 * MIB
            granted = await host.operator.grant("shop", ["memory=300MiB", "network=outbound"])
            assert (granted.grants, granted.swapped) == (("memory=300MiB", "network=outbound"), True)
            assert limits(host).memory == 300 * MIB
            assert host.engine.plugin("shop").manifest.permissions.network == "outbound"
            second = await serving(host)
            assert second != first
            assert host.store.plugin("shop").grants == granted.grants
            revoked = await host.operator.revoke("shop", ["memory=300MiB"])
            assert (revoked.grants, revoked.swapped, revoked.disabled) == (("network=outbound",), True, "")
            assert limits(host).memory == 256 * MIB
            assert await serving(host) != second
            assert host.operator.status("shop").release == 1

    run(main())


def test_a_grant_that_changes_nothing_for_what_runs_starts_nothing(hosting, state, upload, run):
    async def main():
        async with hosting(state, **TIGHT) as host:
            await host.operator.deploy(upload("shop", app()))
            first = await serving(host)
            for grant in ("read=/srv", "memory=128MiB", "ports=443", "manage"):
                assert not (await host.operator.grant("shop", [grant])).swapped
            again = await host.operator.grant("shop", ["limits.memory=128MiB"])
            assert (len(again.grants), again.swapped) == (4, False)
            assert await serving(host) == first
            kinds = [each.message async for each in host.operator.events() if each.kind == "granted"]
            assert len(kinds) == 4

    run(main())


@pytest.mark.parametrize(("change", "given"), [("grant", "memory=400MiB"), ("revoke", "memory=300MiB")])
def test_a_swap_that_fails_leaves_the_old_grants_and_the_old_instances(hosting, state, upload, run, change, given):
    async def main():
        async with hosting(state, **TIGHT) as host:
            await host.operator.deploy(upload("shop", app(), allow=("memory=300MiB",)))
            first, before, memory = await serving(host), host.snapshot(), limits(host).memory
            (state / "data" / "shop" / "broken").touch()
            with pytest.raises(StartFailed, match="broken meanwhile"):
                await getattr(host.operator, change)("shop", [given])
            assert host.snapshot() == before
            assert host.operator.status("shop").grants == ("memory=300MiB",)
            assert (await serving(host), limits(host).memory) == (first, memory)

    run(main())


@pytest.mark.parametrize(
    ("change", "given", "error"),
    [
        ("grant", ["memory=300MiB", "reed=/srv"], UsageError),
        ("grant", ["read=data"], UsageError),
        ("revoke", ["memory=300MiB"], UsageError),
        ("revoke", ["cpu=2", "memory=300MiB"], UsageError),
        ("revoke", ["threads=99"], UsageError),
    ],
)
def test_everything_is_checked_before_anything_is_changed(hosting, state, upload, run, change, given, error):
    async def main():
        named = {"shop": PluginSettings(allow=("threads=99",))}
        async with hosting(state, plugins=named, **TIGHT) as host:
            await host.operator.deploy(upload("shop", app(), allow=("cpu=2",)))
            first, before = await serving(host), host.snapshot()
            with pytest.raises(error):
                await getattr(host.operator, change)("shop", given)
            assert host.snapshot() == before
            assert await serving(host) == first

    run(main())


def test_a_release_that_needs_what_is_revoked_is_disabled_and_told(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", BIG, allow=("memory=1GiB",)))
            revoked = await host.operator.revoke("shop", ["memory=1GiB"])
            assert revoked.grants == ()
            assert "memory 1GiB (at most 512MiB)" in revoked.disabled
            assert host.operator.status("shop").state == "disabled"
            with pytest.raises(Unavailable, match="disabled"):
                await host.ask("shop.localhost")
            assert not (await host.operator.grant("shop", ["memory=1GiB"])).swapped
            assert host.operator.status("shop").state == "disabled"
            await host.operator.enable("shop")
            assert await serving(host)
            kinds = [each.kind async for each in host.operator.events()]
            assert [each for each in kinds if each in ("revoked", "disabled", "granted", "enabled")] == [
                "revoked", "disabled", "granted", "enabled",
            ]  # fmt: skip

    run(main())


def test_what_others_require_is_not_disabled_by_a_revocation(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", BIG, allow=("memory=1GiB",)))
            await host.operator.deploy(upload("till", app('requires.plugins = { shop = "*" }')))
            before = host.snapshot()
            with pytest.raises(Refused, match="shop is required by till"):
                await host.operator.revoke("shop", ["memory=1GiB"])
            assert host.snapshot() == before
            assert await serving(host)

    run(main())


def test_a_grant_starts_what_a_tighter_policy_kept_from_starting(hosting, state, upload, run):
    async def deploy():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", app('limits = { memory = "400MiB" }')))

    async def main():
        async with hosting(state, **TIGHT) as host:
            ((_, error),) = await host.restore()
            assert isinstance(error, Refused)
            assert not (await host.operator.grant("shop", ["read=/srv"])).swapped
            assert host.operator.status("shop").state == "failed"
            await host.operator.grant("shop", ["memory=400MiB"])
            status = host.operator.status("shop")
            assert (status.state, status.error, status.grants) == ("running", "", ("memory=400MiB", "read=/srv"))
            assert await serving(host)

    run(deploy())
    run(main())


def test_a_disabled_plugin_keeps_its_grants_for_later(hosting, state, upload, run):
    async def main():
        async with hosting(state, **TIGHT) as host:
            await host.operator.deploy(upload("shop", app()))
            await host.operator.disable("shop")
            assert not (await host.operator.grant("shop", ["memory=300MiB"])).swapped
            assert (host.operator.status("shop").state, host.store.plugin("shop").enabled) == ("disabled", False)
            await host.operator.enable("shop")
            assert limits(host).memory == 300 * MIB

    run(main())


@pytest.mark.parametrize("grant", ["memory=300MiB", "read=/srv"])
def test_grants_that_cannot_be_stored_change_nothing(hosting, state, upload, run, grant):
    async def main():
        async with hosting(state, **TIGHT) as host:
            await host.operator.deploy(upload("shop", app()))
            first, before = await serving(host), host.snapshot()
            with unwritable(host, state / "weft.db"), pytest.raises(StorageFailed):
                await host.operator.grant("shop", [grant])
            assert host.snapshot() == before
            assert host.operator.status("shop").grants == ()
            assert (await serving(host), limits(host).memory) == (first, 256 * MIB)

    run(main())


@contextmanager
def unwritable(host, database):
    """The store can be read, and its transactions fail when they are to be committed."""
    with closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN IMMEDIATE")
        host.store._engine.dispose()
        event.listen(host.store._engine, "connect", _impatient)
        yield
        other.rollback()


def _impatient(connection, _record):
    connection.execute("PRAGMA busy_timeout=10")


def test_what_waited_for_others_starts_with_what_it_was_granted_meanwhile(hosting, state, tmp_path, upload, run):
    shop = tmp_path / "shop.py"
    shop.write_text(app())
    till = app('requires.plugins = { shop = "*" }')

    async def deploy():
        async with hosting(state, **TIGHT) as host:
            await host.preload(shop)
            await host.operator.deploy(upload("till", till))

    async def main():
        async with hosting(state, **TIGHT) as host:
            assert await host.restore() == []
            with pytest.raises(UsageError, match="requires shop"):
                await host.operator.grant("till", ["memory=300MiB"])
            await host.operator.deploy(upload("shop", app()))
            await host.operator.grant("till", ["memory=300MiB"])
            pid = await serving(host, "till")
            assert [each async for each in host.loader.settle()] == [("till", None)]
            assert (limits(host, "till").memory, await serving(host, "till")) == (300 * MIB, pid)
            assert host.operator.status("till").grants == ("memory=300MiB",)

    run(deploy())
    run(main())


def test_a_grant_while_the_plugin_is_being_changed_is_refused(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", app()))
            with host.fleet.exclusive("shop"), pytest.raises(Conflict, match="already being updated"):
                await host.operator.grant("shop", ["manage"])
            assert host.store.plugin("shop").grants == ()

    run(main())


def test_named_files_have_what_they_ask_and_what_was_deployed_over_them_has_grants(
    hosting, state, tmp_path, upload, run
):
    named = tmp_path / "shop.py"
    named.write_text(app())

    async def main():
        async with hosting(state, **TIGHT) as host:
            assert await host.preload(named) == [("shop", None)]
            for change in (host.operator.grant, host.operator.revoke):
                with pytest.raises(Refused, match="shop is preloaded: .* has all that it asks"):
                    await change("shop", ["manage"])
            await host.operator.deploy(upload("shop", BIG, allow=("memory=1GiB",)))
            granted = await host.operator.grant("shop", ["network=outbound"])
            assert (granted.swapped, host.operator.status("shop").preloaded) == (True, True)
            with pytest.raises(Refused, match="shop needs that, and cannot be disabled: .*weft rollback shop"):
                await host.operator.revoke("shop", ["memory=1GiB"])
            assert host.store.plugin("shop").grants == ("memory=1GiB", "network=outbound")
            assert await serving(host)

    async def restart():
        async with hosting(state, **TIGHT) as host:
            assert await host.preload(named) == [("shop", None)]
            assert host.engine.plugin("shop").manifest.permissions.network == "outbound"

    run(main())
    run(restart())


# --- paths ----------------------------------------------------------------------------------------------------------


def test_no_grant_of_a_wider_folder_reaches_the_servers_own(hosting, state, tmp_path, upload, run):
    link = tmp_path / "out" / "link"
    link.parent.mkdir()
    link.symlink_to(state / "data")

    async def main():
        told = []
        async with hosting(state) as host:
            for asked in (state / "token", state / "data" / "other", tmp_path, link):
                text = app(f'permissions.read = ["{asked}"]')
                wider = tmp_path.parent if asked == tmp_path else tmp_path
                with pytest.raises(Refused, match=f"--allow read={asked.resolve()}"):
                    await host.operator.deploy(upload("shop", text, allow=(f"read={wider}",)))
            named = f"read={state / 'data'}"
            await host.operator.deploy(upload("shop", text, allow=(named,)), progress=told.append)
            assert host.engine.plugin("shop").manifest.permissions.read == (str(state / "data"),)
            (told,) = [each for each in told if each.startswith("note: ")]
            assert told == f"note: shop may read {link}, which is in the server's own folder {state}"
            events = [each async for each in host.operator.events() if each.kind == "reaches_state"]
            assert [f"note: {each.message}" for each in events] == [told]

    run(main())


def test_a_link_that_is_changed_later_gives_nothing_more(hosting, state, tmp_path, upload, run):
    (tmp_path / "photos").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "photos")

    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", app(f'permissions.read = ["{link}"]'), allow=(f"read={link}",)))
            first = await serving(host)
            link.unlink()
            link.symlink_to(state)
            assert host.engine.plugin("shop").manifest.permissions.read == (str(tmp_path / "photos"),)
            with pytest.raises(Refused, match=f"--allow read={state}"):
                await host.operator.restart("shop")
            assert await serving(host) == first

    run(main())


# --- who gets what --------------------------------------------------------------------------------------------------

EVERYTHING = """
runtime = "process"
instances = 9
permissions.read = ["/srv"]
permissions.write = ["/srv/out"]
permissions.network = "outbound"
permissions.ports = [25]
permissions.env = ["HOME"]
permissions.exec = ["git"]
permissions.plugins = ["till"]
permissions.manage = true
limits.memory = "1GiB"
limits.cpu = 3
limits.processes = 65
limits.threads = 17
limits.open_files = 1025
limits.disk = "2GiB"
limits.startup = "31s"
limits.call = "31s"
limits.drain = "31s"
"""
NOTHING = PolicySettings(network="none", ports=(443,), cpu=1.0, instances=1)
GRANTS = (
    "cpu=3.0 call=31s disk=2GiB drain=31s env=HOME exec=git instances=9 manage memory=1GiB network=outbound "
    "open_files=1025 plugins=till ports=25 processes=65 read=/srv startup=31s threads=17 write=/srv/out"
).split()


def test_what_the_operator_names_gets_all_that_it_asks(hosting, state, tmp_path, run):
    (tmp_path / "shop.py").write_text(app(*EVERYTHING.replace("9", "1").split("\n")[1:-1]))
    (tmp_path / "near.py").write_text(app('runtime = "inline"', f'permissions.read = ["{state}"]'))

    async def main():
        told = []
        async with hosting(state, policy=NOTHING) as host:
            paths = [tmp_path / "shop.py", tmp_path / "near.py"]
            outcomes = [each async for each in host.loader.preload(paths, told.append)]
            assert outcomes == [("shop", None), ("near", None)]
            manifest = host.engine.plugin("shop").manifest
            assert (manifest.permissions.ports, manifest.permissions.manage, limits(host).cpu) == ((25,), True, 3.0)
            (note,) = told
            assert note.startswith(f"near: note: near may read {state}, which holds the server's own folder {state}: ")
            assert host.engine.plugin("near").manifest.runtime == "inline"

    run(main())


def test_what_arrives_is_refused_with_all_that_it_asks_and_runs_with_all_of_it_granted(hosting, state, upload, run):
    text = app(*EVERYTHING.replace("instances = 9", "instances = 2").split("\n")[1:-1])
    grants = sorted({*GRANTS, "instances=2"} - {"instances=9"})

    async def main():
        settings = {"policy": NOTHING, "plugins": {"named": PluginSettings(allow=tuple(grants))}}
        async with hosting(state, **settings) as host:
            with pytest.raises(Refused) as caught:
                await host.operator.deploy(upload("shop", text))
            asked = str(caught.value).rpartition("weft grant shop ")[2].split()
            assert sorted(asked) == grants
            for missing in grants:
                allow = tuple(each for each in grants if each != missing)
                with pytest.raises(Refused):
                    await host.operator.deploy(upload("shop", text, allow=allow))
            assert host.snapshot()[:2] == ([], set())
            await host.operator.deploy(upload("shop", text, allow=tuple(grants)))
            await host.operator.deploy(upload("named", text))
            assert host.engine.plugin("named").manifest.permissions == host.engine.plugin("shop").manifest.permissions
            assert host.operator.status("named").grants == ()

    run(main())


def test_inline_runs_for_a_plugin_that_arrives_only_where_that_was_granted(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            near = app('runtime = "inline"')
            with pytest.raises(Refused, match="--allow runtime=inline"):
                await host.operator.deploy(upload("near", near))
            await host.operator.deploy(upload("near", near, allow=("runtime=inline",)))
            assert host.operator.status("near").instances[0].pid is None
            revoked = await host.operator.revoke("near", ["runtime=inline"])
            assert "runtime inline" in revoked.disabled

    run(main())
