import asyncio
import contextlib
import json
import stat
from contextlib import aclosing
from pathlib import Path

import pytest

from weft.errors import (
    Conflict,
    ManifestError,
    PackageError,
    Refused,
    StartFailed,
    StorageFailed,
    Unavailable,
    UnknownPlugin,
    UsageError,
)
from weft.packages.archives import pack
from weft.server.management.problems import describe
from weft.server.uploads import Upload
from weft.settings import PluginSettings, PolicySettings

APP = """
import os
print("hello from {word}")
async def app(scope, receive, send):
    if scope["type"] == "http":
        body = ("{word} " + os.environ.get("SECRET", "")).strip().encode()
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": body}})
"""
GLOOM = """
class Itself:
    def init(self): return None
    def register_routes(self, router): router.get("/", lambda request: "gloom")
    def name(self): return {name!r}
Plugin = Itself()
"""


def app(word, table=""):
    block = f"# /// script\n# [tool.weft]\n{table}# ///\n" if table else ""
    return block + APP.format(word=word)


def test_a_deploy_serves_replaces_and_does_nothing_twice(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            first = await host.operator.deploy(upload("shop", app("one")))
            assert (first.name, first.release, first.changed, first.created) == ("shop", 1, True, True)
            assert first.domains == ("shop.localhost",)
            assert await host.ask("shop.localhost") == "one"
            again = await host.operator.deploy(upload("shop", app("one")))
            assert (again.release, again.changed, again.created) == (1, False, False)
            second = await host.operator.deploy(upload("shop", app("two")))
            assert (second.release, second.changed, second.created) == (2, True, False)
            assert await host.ask("shop.localhost") == "two"
            data = state / "data" / "shop"
            assert stat.S_IMODE(data.stat().st_mode) == 0o700

    run(main())


def test_settings_and_secrets_are_kept_over_versions_and_shown_by_key(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", app("one"), env={"SECRET": "hush"}, config={"a": 1}))
            await host.operator.deploy(upload("shop", app("two"), config_file=b'b = "x"'))
            assert await host.ask("shop.localhost") == "two hush"
            assert host.operator.settings("shop") == {"config": ["a", "b"], "env": ["SECRET"], "grants": []}
            assert "hush" not in repr(host.operator.status("shop"))
            assert "hush" not in str([event async for event in host.operator.events()])

    run(main())


@pytest.mark.parametrize(
    ("text", "options", "error"),
    [
        ("def broken(:", {}, (StartFailed, ManifestError)),
        ("raise RuntimeError('no')", {}, StartFailed),
        (app("two"), {"domains": ("other.localhost",)}, Conflict),
        (app("two"), {"domains": ("localhost",)}, Conflict),
        (app("two"), {"domains": ("",)}, UsageError),
        (app("two"), {"domains": ()}, UsageError),
        (app("two"), {"domains": ("a b",)}, UsageError),
        (app("two"), {"allow": ("everything",)}, UsageError),
        (app("two"), {"config_file": b"{"}, UsageError),
        (app("two", '# limits = { memory = "1GiB" }\n'), {}, Refused),
        (app("two", '# runtime = "inline"\n'), {}, Refused),
        (app("two", "# nonsense = 1\n"), {}, ManifestError),
        (GLOOM.format(name="another"), {"name": "shop"}, Refused),
        ("\0binary", {}, PackageError),
        ("", {}, PackageError),
    ],
)
def test_a_failed_deploy_leaves_everything_as_it_was(hosting, state, upload, run, text, options, error):
    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("other", app("other")))
            await host.operator.deploy(upload("shop", app("one")))
            before = host.snapshot()
            with pytest.raises(error):
                await host.operator.deploy(upload("shop", text, **options))
            assert host.snapshot() == before
            assert await host.ask("shop.localhost") == "one"
            assert (await host.operator.deploy(upload("shop", app("three")))).release == 2

    run(main())


@pytest.mark.parametrize("name", ["a b", "../up", "ä"])
def test_bad_names_are_refused(hosting, state, upload, run, name):
    async def main():
        async with hosting(state) as host:
            with pytest.raises(UsageError, match="invalid plugin name"):
                await host.operator.deploy(upload("shop", app("one"), name=name))
            assert host.operator.plugins() == []

    run(main())


def test_a_commit_that_fails_leaves_the_old_one(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", app("one")))
            before = host.snapshot()
            (state / "weft.db").rename(state / "away.db")
            (state / "weft.db").mkdir()
            host.store._engine.dispose()
            with pytest.raises(StorageFailed):
                await host.operator.deploy(upload("shop", app("two")))
            (state / "weft.db").rmdir()
            (state / "away.db").rename(state / "weft.db")
            assert await host.ask("shop.localhost") == "one"
            assert host.store.plugins() == before[0]

    run(main())


def test_two_deploys_of_one_name_at_once(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            slow = upload("shop", "import time; time.sleep(0.5)\n" + app("one"))
            first = asyncio.create_task(host.operator.deploy(slow))
            while "shop" not in host.fleet._busy:
                await asyncio.sleep(0)
            with pytest.raises(Conflict, match="plugin is already being updated") as caught:
                await host.operator.deploy(upload("shop", app("two"), name="shop"))
            assert describe(caught.value)["error"]["plugin"] == "shop"
            with contextlib.suppress(Unavailable):
                await first

    run(main())


def test_a_client_that_leaves_does_not_undo_a_deploy(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            waiting = asyncio.create_task(host.operator.deploy(upload("shop", app("one"))))
            while "shop" not in host.fleet._busy:
                await asyncio.sleep(0)
            waiting.cancel()
            await host.operator.close(20)
            assert await host.ask("shop.localhost") == "one"
            assert host.store.plugin("shop").current.number == 1

    run(main())


def test_domains_move_with_the_release(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", app("one"), domains=("A.example.org", "b.example.org")))
            await host.operator.deploy(upload("shop", app("two")))
            assert await host.ask("a.example.org") == "two"
            await host.operator.deploy(upload("shop", app("two"), domains=("c.example.org",)))
            assert [await host.ask(f"{each}.example.org") for each in "abc"] == [None, None, "two"]
            await host.operator.deploy(upload("other", app("other"), domains=("a.example.org",)))
            with pytest.raises(Conflict, match="^Domain a.example.org already exists$"):
                await host.operator.rollback("shop", 2)
            assert await host.ask("c.example.org") == "two"

    run(main())


def test_the_name_is_the_given_one_else_what_the_plugin_says(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            assert (await host.operator.deploy(upload("file", GLOOM.format(name="itself")))).name == "itself"
            assert [each.name for each in host.operator.plugins()] == ["itself"]
            assert (await host.operator.deploy(upload("file", app("one"), name="given"))).name == "given"
            with pytest.raises(Refused, match="'itself'.*'other'"):
                await host.operator.deploy(upload("file", GLOOM.format(name="itself"), name="other"))

    run(main())


def test_an_archive_is_told_by_its_bytes(hosting, state, tmp_path, run):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "main.py").write_text(app("packed"))
    (folder / "plugin.yaml").write_text("name: shop\nversion: 1.2.3\n")
    archive = pack(folder, tmp_path / "upload.bin")

    async def main():
        async with hosting(state) as host:
            deployed = await host.operator.deploy(Upload(path=archive, filename="x.py"))
            assert (deployed.name, deployed.version) == ("shop", "1.2.3")
            assert await host.ask("shop.localhost") == "packed"

    run(main())


def test_rolling_back_and_on(hosting, state, upload, run):
    async def main():
        async with hosting(state, keep_releases=2) as host:
            for word in ("one", "two", "three", "four"):
                await host.operator.deploy(upload("shop", app(word), env={"SECRET": word}))
            assert [each.number for each in await host.operator.releases("shop")] == [3, 4]
            assert (await host.operator.rollback("shop")).release == 3
            assert await host.ask("shop.localhost") == "three three"
            with pytest.raises(UsageError, match="no release before #3"):
                await host.operator.rollback("shop")
            with pytest.raises(UsageError, match=r"no release #1 \(kept: #3, #4\)"):
                await host.operator.rollback("shop", 1)
            assert (await host.operator.rollback("shop", 4)).changed
            assert not (await host.operator.rollback("shop", 4)).changed
            assert (await host.operator.deploy(upload("shop", app("five")))).release == 5

    run(main())


def test_a_release_whose_files_were_changed_is_not_rolled_back_to(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            first = await host.operator.deploy(upload("shop", app("one")))
            await host.operator.deploy(upload("shop", app("two")))
            _tamper(host.contents.path(first.digest) / "shop.py")
            with pytest.raises(PackageError, match=r"shop\.py"):
                await host.operator.rollback("shop")
            assert await host.ask("shop.localhost") == "two"
            assert host.store.plugin("shop").current.number == 2

    run(main())


def _tamper(path: Path) -> None:
    path.chmod(0o644)
    path.write_text("app = None")


def test_everything_comes_back_but_what_was_tampered_with(hosting, state, upload, run):
    async def deploy():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", app("one")))
            await host.operator.deploy(upload("shop", app("two"), env={"SECRET": "s"}, domains=("s.example.org",)))
            bad = await host.operator.deploy(upload("bad", app("bad")))
            await host.operator.deploy(upload("idle", app("idle")))
            await host.operator.disable("idle")
            _tamper(host.contents.path(bad.digest) / "bad.py")

    async def restart():
        async with hosting(state) as host:
            outcomes = dict(await host.restore())
            assert list(outcomes) == ["bad", "shop"]
            assert outcomes["shop"] is None
            assert "bad.py" in str(outcomes["bad"])
            assert await host.ask("s.example.org") == "two s"
            states = {each.name: (each.state, each.release) for each in host.operator.plugins()}
            assert states == {"bad": ("failed", 1), "idle": ("disabled", 1), "shop": ("running", 2)}
            for domain in ("bad.localhost", "idle.localhost"):
                with pytest.raises(Unavailable):
                    await host.ask(domain)
            await host.operator.enable("idle")
            assert await host.ask("idle.localhost") == "idle"
            await host.operator.deploy(upload("bad", app("bad")))
            assert await host.ask("bad.localhost") == "bad"

    run(deploy())
    run(restart())


def test_content_that_no_release_needs_goes(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("a", app("a")))
            await host.operator.deploy(upload("b", app("b")))
            await host.operator.remove("a")
            assert host.contents.digests() == {host.operator.status("b").digest}
            assert await host.ask("a.localhost") is None
            assert (state / "data" / "a").exists()
            await host.operator.remove("b", purge=True)
            assert not (state / "data" / "b").exists()
            assert host.contents.digests() == set()
            with pytest.raises(UnknownPlugin, match=r"no plugin 'b' \(there are: none\)"):
                await host.operator.remove("b")

    run(main())


def test_disabling_and_enabling(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", app("one")))
            await host.operator.disable("shop")
            assert host.operator.status("shop").state == "disabled"
            with pytest.raises(Unavailable, match="disabled"):
                await host.ask("shop.localhost")
            with pytest.raises(Refused, match="weft enable shop"):
                await host.operator.restart("shop")
            with pytest.raises(Conflict):
                await host.operator.deploy(upload("thief", app("x"), domains=("shop.localhost",)))
            assert (await host.operator.enable("shop")).changed
            assert not (await host.operator.enable("shop")).changed
            pid = host.operator.status("shop").instances[0].pid
            await host.operator.restart("shop")
            assert host.operator.status("shop").instances[0].pid != pid
            assert host.operator.status("shop").release == 1

    run(main())


def test_grants_are_kept_and_asked_again_only_for_more(hosting, state, upload, run):
    def wanting(word, memory):
        return app(word, f'# limits = {{ memory = "{memory}" }}\n')

    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", wanting("one", "1GiB"), allow=("memory=1GiB",)))
            await host.operator.deploy(upload("shop", wanting("two", "1GiB")))
            with pytest.raises(Refused, match="--allow memory=2GiB"):
                await host.operator.deploy(upload("shop", wanting("three", "2GiB")))
            await host.operator.grant("shop", ["memory=2GiB"])
            await host.operator.deploy(upload("shop", wanting("three", "2GiB")))
            assert host.operator.settings("shop")["grants"] == ["memory=1GiB", "memory=2GiB"]
            with pytest.raises(UsageError, match="not granted manage"):
                await host.operator.revoke("shop", ["manage"])
            await host.operator.revoke("shop", ["memory=2GiB"])
            assert host.operator.status("shop").state == "disabled"
            with pytest.raises(Refused):
                await host.operator.enable("shop")

    run(main())


def test_the_policy_of_the_settings_is_the_ceiling(hosting, state, upload, run):
    async def main():
        settings = {
            "policy": PolicySettings(memory=1024**3, network="none"),
            "plugins": {"free": PluginSettings(allow=("memory=2GiB",), config={"a": 1})},
        }
        async with hosting(state, **settings) as host:
            text = app("x", '# limits = { memory = "2GiB" }\n')
            with pytest.raises(Refused, match="at most 1GiB"):
                await host.operator.deploy(upload("shop", text))
            await host.operator.deploy(upload("free", text))
            assert host.engine.plugin("free").manifest.permissions.network == "none"
            assert host.operator.settings("free") == {"config": ["a"], "env": [], "grants": ["memory=2GiB"]}

    run(main())


def test_config_is_checked_against_the_schema_without_showing_it(hosting, state, upload, run):
    schema = (
        '# config_schema = { type = "object", required = ["size"], properties = { size = { type = "integer" } } }\n'
    )

    async def main():
        async with hosting(state) as host:
            with pytest.raises(UsageError, match="'size' is required"):
                await host.operator.deploy(upload("shop", app("x", schema)))
            with pytest.raises(UsageError, match="size") as caught:
                await host.operator.deploy(upload("shop", app("x", schema), config={"size": "hush"}))
            assert "hush" not in str(caught.value)
            await host.operator.deploy(upload("shop", app("x", schema), config={"size": 3}))

    run(main())


def test_a_schema_that_takes_for_ever_holds_up_nobody(hosting, state, upload, run):
    next_twice = '{{ allOf = [{{ "$ref" = "#/$defs/d{0}" }}, {{ "$ref" = "#/$defs/d{0}" }}] }}'
    doubling = [f"d{step} = {next_twice.format(step + 1)}" for step in range(40)]
    table = ["[tool.weft.config_schema]", '"$ref" = "#/$defs/d0"', '[tool.weft.config_schema."$defs"]', *doubling]
    schema = "".join(f"# {line}\n" for line in [*table, 'd40 = { type = "object" }'])

    async def main():
        async with hosting(state) as host:
            slow = asyncio.create_task(host.operator.deploy(upload("shop", app("x", schema))))
            async with asyncio.timeout(4):
                await host.operator.deploy(upload("other", app("x")))
            assert not slow.done()
            with pytest.raises(UsageError, match="shop: config could not be checked"):
                await slow

    run(main())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"config": {"a": 2**64}}, "cannot be handed"),
        ({"config": {"a": "x" * 1024 * 1024}}, "at most"),
        ({"env": {"A=B": "hush"}}, "A=B"),
        ({"env": {"A": "hush\0"}}, "env 'A'"),
        ({"env": {"": "hush"}}, "env ''"),
    ],
)
def test_settings_that_no_plugin_can_be_handed(hosting, state, upload, run, given, words):
    async def main():
        async with hosting(state) as host:
            with pytest.raises(UsageError, match=words) as caught:
                await host.operator.deploy(upload("shop", app("x"), **given))
            assert "hush" not in str(caught.value)

    run(main())


def test_a_schema_is_not_fetched_from_elsewhere(hosting, state, upload, run):
    schema = '# config_schema = { "$ref" = "https://example.org/schema.json" }\n'

    async def main():
        async with hosting(state) as host:
            with pytest.raises(UsageError, match="schemas are not fetched"):
                await host.operator.deploy(upload("shop", app("x", schema)))

    run(main())


def test_what_plugins_print_and_what_happens_is_kept(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            host.engine.listen(host.journal.accept)
            await host.operator.deploy(upload("shop", app("one")))
            stream = host.operator.logs("shop", follow=True)
            assert (await anext(stream)).text == "hello from one"
            await stream.aclose()
            kinds = [event.kind async for event in host.operator.events()]
            assert "deployed" in kinds
            assert "running" in kinds
            await host.journal.flush()
            assert len(host.store.events()) == len(kinds)

    run(main())


# --- preloaded ------------------------------------------------------------------------------------------------------


def preloadable(folder, name, word):
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(app(word, f'# version = "1.0.{len(word)}"\n'))
    return path


def test_preloaded_plugins_cannot_be_removed_and_win_domains(hosting, state, tmp_path, upload, run):
    plugins = tmp_path / "plugins"

    async def deploy():
        async with hosting(state) as host:
            await host.operator.deploy(upload("stored", app("stored"), domains=("pre.localhost", "own.localhost")))
            await host.operator.deploy(upload("shadow", app("stored")))

    async def main():
        async with hosting(state) as host:
            assert await host.preload(plugins) == [("pre", None), ("shadow", None)]
            assert await host.restore() == [("stored", None)]
            assert await host.ask("pre.localhost") == "pre"
            assert await host.ask("own.localhost") == "stored"
            assert await host.ask("shadow.localhost") == "shadow"
            for change in (
                host.operator.remove("pre"),
                host.operator.disable("pre"),
                host.operator.deploy(upload("pre", app("x"), spare_preloaded=True)),
            ):
                with pytest.raises(Refused, match="plugin pre is preloaded: .*take it out there"):
                    await change
            with pytest.raises(UsageError, match="pre has no release before #1"):
                await host.operator.rollback("pre")
            await host.operator.restart("pre")
            assert await host.ask("pre.localhost") == "pre"
            assert host.operator.status("pre").preloaded

    preloadable(plugins, "pre", "pre")
    preloadable(plugins, "shadow", "shadow")
    run(deploy())
    run(main())


def test_a_deploy_serves_in_place_of_named_files_until_these_change(hosting, state, tmp_path, upload, run):
    plugins = tmp_path / "plugins"
    named = preloadable(plugins, "shop", "one")

    async def replace_it():
        async with hosting(state) as host:
            await host.preload(plugins)
            again = await host.operator.deploy(upload("shop", named.read_text()))
            assert (again.changed, again.release) == (False, 1)
            with pytest.raises(StartFailed):
                await host.operator.deploy(upload("shop", "raise RuntimeError"))
            assert host.store.plugins() == []
            deployed = await host.operator.deploy(upload("shop", app("two")))
            assert (deployed.release, deployed.created) == (2, False)
            assert host.operator.status("shop").preloaded
            assert await host.ask("shop.localhost") == "two"
            back = await host.operator.rollback("shop")
            assert (back.release, await host.ask("shop.localhost")) == (1, "one")
            await host.operator.rollback("shop", 2)
            with pytest.raises(Refused):
                await host.operator.remove("shop")

    async def edit_deploy_and_go_back():
        async with hosting(state) as host:
            await host.restore()
            deployed = await host.operator.deploy(upload("shop", named.read_text()))
            assert (deployed.release, await host.ask("shop.localhost")) == (3, "four")
            await host.operator.rollback("shop")

    async def served(*paths):
        async with hosting(state) as host:
            await host.preload(*paths)
            await host.restore()
            status = host.operator.status("shop")
            return status.release, status.preloaded, await host.ask("shop.localhost")

    run(replace_it())
    assert run(served(plugins)) == (2, True, "two")
    assert run(served()) == (2, False, "two")
    preloadable(plugins, "shop", "four")
    run(edit_deploy_and_go_back())
    assert run(served(plugins)) == (2, True, "two")
    preloadable(plugins, "shop", "three")
    assert run(served(plugins)) == (4, True, "three")
    assert run(served()) == (4, False, "three")


def test_a_plugin_that_was_named_keeps_what_it_asked_when_it_is_replaced(hosting, state, tmp_path, upload, run):
    asking = "# /// script\n# [tool.weft.permissions]\n# manage = true\n# ///\n"
    named = tmp_path / "boss.py"
    named.write_text(asking + app("one"))

    async def main():
        async with hosting(state) as host:
            assert await host.preload(named) == [("boss", None)]
            await host.operator.deploy(upload("boss", asking + app("two")))
            assert await host.ask("boss.localhost") == "two"
            assert host.operator.status("boss").grants == ("manage",)

    async def served():
        async with hosting(state) as host:
            assert await host.preload(named) == [("boss", None)]
            return host.operator.status("boss").grants, await host.ask("boss.localhost")

    run(main())
    named.write_text(asking + app("three"))
    assert run(served())[1] == "three"
    assert run(served()) == (("manage",), "three")


def test_a_path_that_fails_is_tried_again_when_it_changes(hosting, state, tmp_path, run):
    plugins = tmp_path / "plugins"
    preloadable(plugins, "good", "good")
    bad = preloadable(plugins, "bad", "bad")
    bad.write_text(bad.read_text() + "\nraise RuntimeError('not yet')\n")

    async def main():
        async with hosting(state) as host:
            outcomes = await host.preload(plugins)
            assert [(Path(what).stem, error is None) for what, error in outcomes] == [("bad", False), ("good", True)]
            assert "not yet" in str(outcomes[0][1])
            assert await host.ask("good.localhost") == "good"
            await asyncio.sleep(0.3)
            preloadable(plugins, "bad", "mended")
            while not host.fleet.serves("bad"):
                await asyncio.sleep(0.05)
            assert await host.ask("bad.localhost") == "mended"

    run(main())


@pytest.mark.parametrize("how", ["replaced", "made", "a folder made"])
def test_a_path_is_tried_again_by_its_own_changes_alone(hosting, state, tmp_path, run, how):
    """Not by those of a log beside it, which it would write itself; and however it changes."""
    plugins, said = tmp_path / "plugins", []
    bad = (
        preloadable(plugins, "bad", "bad") if how == "replaced" else plugins / ("bad" if "folder" in how else "bad.py")
    )
    plugins.mkdir(exist_ok=True)
    if how == "replaced":
        bad.write_text("raise RuntimeError('not yet')\n")

    async def main():
        async with hosting(state) as host:
            async with aclosing(host.loader.preload([bad], said.append)) as outcomes:
                assert [error is None async for _, error in outcomes] == [False]
            await asyncio.sleep(0.3)
            for number in range(3):
                (plugins / "serve.log").write_text(str(number))
                await asyncio.sleep(0.3)
            assert said == []
            preloadable(tmp_path / "elsewhere", "bad", "mended")
            if how == "a folder made":
                (tmp_path / "elsewhere").rename(bad)
            else:
                (tmp_path / "elsewhere" / "bad.py").replace(bad)
            while not host.fleet.serves("bad"):
                await asyncio.sleep(0.05)
            assert await host.ask("bad.localhost") == "mended"

    run(main())


def test_preloaded_plugins_get_what_they_ask(hosting, state, tmp_path, run):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "big.py").write_text(app("big", '# limits = { memory = "4GiB" }\n'))

    async def main():
        async with hosting(state) as host:
            assert await host.preload(plugins / "big.py") == [("big", None)]
            assert host.engine.plugin("big").manifest.limits.memory == 4 * 1024**3

    run(main())


def test_a_path_that_is_not_there_is_named(hosting, state, tmp_path, run):
    async def main():
        async with hosting(state, strict=True) as host:
            ((what, error),) = await host.preload(tmp_path / "nowhere")
            assert what.endswith("nowhere")
            assert "does not exist" in str(error)

    run(main())


def test_the_stored_settings_hold_no_more_than_given(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            await host.operator.deploy(upload("shop", app("one"), config={"a": [1, {"b": None}]}))
            kept = host.store.plugin("shop").current.settings
            assert json.dumps(kept.config) == '{"a": [1, {"b": null}]}'
            assert (kept.env, kept.domains) == ({}, None)

    run(main())
