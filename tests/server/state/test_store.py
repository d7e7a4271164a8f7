import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from weft.errors import Conflict, StorageFailed, UnknownPlugin, UsageError
from weft.server.state import NewRelease, Settings, StateFolder, Store
from weft.server.state import store as store_module
from weft.server.state.tables import REVISION, Base
from weft.types import Event


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "weft.db", clock=lambda: 1000.0)
    store.open()
    yield store
    store.close()


def release(number, digest="sha256:aa", **settings):
    return NewRelease(number=number, version="1.0", digest=digest, settings=Settings(**settings))


def test_a_release_and_its_settings_come_back_whole(store):
    settings = {"config": {"size": [1, None]}, "env": {"KEY": "secret"}, "domains": ("shop.localhost",)}
    store.commit_release("shop", release(1, **settings), grants=["manage"])
    plugin = store.plugin("shop")
    assert plugin.enabled
    assert plugin.grants == ("manage",)
    assert plugin.current.settings == Settings(**settings)
    assert (plugin.current.number, plugin.current.created) == (1, 1000.0)


def test_an_empty_list_of_domains_differs_from_none(store):
    store.commit_release("a", release(1, domains=()), grants=[])
    store.commit_release("b", release(1), grants=[])
    assert [each.current.settings.domains for each in store.plugins()] == [(), None]


def test_settings_show_no_values():
    assert "hush" not in repr(release(1, config={"a": "hush"}, env={"B": "hush"}))


def test_another_server_sees_what_was_committed(store, tmp_path):
    store.commit_release("shop", release(1), grants=[])
    again = Store(tmp_path / "weft.db")
    again.open()
    assert [each.name for each in again.plugins()] == ["shop"]
    again.close()


def test_a_number_used_twice_changes_nothing(store):
    store.commit_release("shop", release(1, "sha256:aa"), grants=[])
    with pytest.raises(StorageFailed, match="store release shop#1"):
        store.commit_release("shop", release(1, "sha256:bb"), grants=["manage"])
    assert store.plugin("shop").current.digest == "sha256:aa"
    assert store.plugin("shop").grants == ()


def test_numbers_go_on_after_a_rollback(store):
    for number in (1, 2, 3):
        assert store.next_number("shop") == number
        store.commit_release("shop", release(number), grants=[])
    store.make_current("shop", 1)
    assert store.plugin("shop").current.number == 1
    assert store.next_number("shop") == 4


def test_only_kept_releases_can_be_current(store):
    store.commit_release("shop", release(1), grants=[])
    with pytest.raises(UsageError, match="no release 9: kept are 1"):
        store.make_current("shop", 9)


def test_pruning_keeps_the_current_one_the_one_before_and_the_newest(store):
    for number in range(1, 8):
        store.commit_release("shop", release(number, f"sha256:{number}"), grants=[])
    store.make_current("shop", 3)
    assert store.prune("shop", keep=2) == [1, 4, 5]
    assert [each.number for each in store.releases("shop")] == [2, 3, 6, 7]
    assert store.digests() == {f"sha256:{number}" for number in (2, 3, 6, 7)}


def test_removing_forgets_the_releases(store):
    store.commit_release("shop", release(1), grants=[])
    store.remove("shop")
    assert store.plugins() == []
    assert store.digests() == set()


def test_what_is_to_be_purged_is_known_until_it_is_or_the_plugin_comes_back(store):
    for name in ("shop", "blog", "idle"):
        store.commit_release(name, release(1), grants=[])
        store.remove(name, purge=name != "idle")
    assert store.purges() == {"shop", "blog"}
    store.purged("shop")
    store.commit_release("blog", release(1), grants=[])
    assert store.purges() == set()


@pytest.mark.parametrize(
    "act",
    [
        lambda s: s.remove("x"),
        lambda s: s.set_enabled("x", enabled=True),
        lambda s: s.set_grants("x", [], enabled=True),
    ],
)
def test_an_unknown_plugin_is_named(store, act):
    with pytest.raises(UnknownPlugin, match="no plugin x"):
        act(store)


def test_events_are_bounded(store, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_EVENTS", 3)
    store.add_events([Event(float(n), "a", "started", str(n)) for n in range(5)])
    assert [each.message for each in store.events()] == ["2", "3", "4"]
    assert [each.message for each in store.events(limit=1)] == ["4"]


def test_the_migrations_make_the_tables_that_the_code_maps(store, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'weft.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_the_newest_migration_is_the_one_that_the_code_knows(store, tmp_path):
    with sqlite3.connect(tmp_path / "weft.db") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(REVISION,)]
    connection.close()


def test_what_migrates_is_imported_for_a_database_that_needs_it_only(store, tmp_path):
    program = (
        "import sys, pathlib; from weft.server.state import Store; store = Store(pathlib.Path(sys.argv[1])); "
        "store.open(); store.close(); print('alembic' in sys.modules)"
    )
    for name, imported in (("weft.db", "False\n"), ("new.db", "True\n")):
        argv = [sys.executable, "-c", program, str(tmp_path / name)]
        assert subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout == imported


def test_the_file_is_private_and_durable(store, tmp_path):
    store.commit_release("shop", release(1), grants=[])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    with store._engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_database_of_a_newer_version_is_refused(store, tmp_path):
    connection = sqlite3.connect(tmp_path / "weft.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(StorageFailed, match="newer version of Weft"):
        Store(tmp_path / "weft.db").open()


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "weft.db").write_text("hello " * 1000)
    store = Store(tmp_path / "weft.db")
    with pytest.raises(StorageFailed, match=r"weft\.db.*not a database"):
        store.open()
    store.close()


def test_a_full_disk_is_named_and_changes_nothing(store):
    store.commit_release("shop", release(1), grants=[])
    with store._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    from sqlalchemy import event

    event.listen(store._engine, "checkout", lambda c, *_: c.execute(f"PRAGMA max_page_count={pages}"))
    with pytest.raises(StorageFailed, match="full.*free some space"):
        store.commit_release("shop", release(2, config={"big": "x" * 1_000_000}), grants=[])
    assert store.plugin("shop").current.number == 1


def test_a_second_server_on_one_state_is_refused(tmp_path):
    first, second = StateFolder(tmp_path / "state"), StateFolder(tmp_path / "state")
    first.open()
    with pytest.raises(Conflict, match=rf"pid {os.getpid()}\).*--state"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_the_state_folder_and_the_token_are_private(tmp_path):
    folder = StateFolder(tmp_path / "state")
    folder.open()
    token = folder.token()
    assert len(token) >= 32
    assert folder.token() == token
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder.path / "token").stat().st_mode) == 0o600
    folder.close()


def test_uploads_left_behind_are_removed(tmp_path):
    left = tmp_path / "uploads" / "half"
    left.mkdir(parents=True)
    folder = StateFolder(tmp_path)
    folder.open()
    assert not left.exists()
    folder.close()


def test_what_is_half_written_is_removed_and_data_folders_without_data(tmp_path):
    (tmp_path / ".new-x").touch()
    for name in ("shop", "blog", "idle"):
        (tmp_path / "data" / name / "tmp").mkdir(parents=True)
    (tmp_path / "data" / "blog" / "tmp" / "kept").touch()
    folder = StateFolder(tmp_path)
    folder.open()
    folder.drop_empty_data({"idle"})
    assert not (tmp_path / ".new-x").exists()
    assert sorted(each.name for each in (tmp_path / "data").iterdir()) == ["blog", "idle"]
    folder.close()


def test_a_state_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="file/state"):
        StateFolder(tmp_path / "file" / "state").open()


def test_paths_are_where_the_documentation_says():
    folder = StateFolder(Path("/srv/weft"))
    assert [str(folder.database), str(folder.control_socket)] == ["/srv/weft/weft.db", "/srv/weft/control.sock"]
    assert str(folder.data("shop")) == "/srv/weft/data/shop"
