import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.errors import UsageError
from weft.server.configuration import CHROOT, read_settings, setting_names
from weft.settings import default_state


@pytest.fixture
def read(tmp_path):
    def read(text="", environ=None, **flags):
        file = tmp_path / "weft.toml"
        file.write_text(text)
        return read_settings(file, {"HOME": "/home/me", **(environ or {})}, flags)

    return read


def test_the_defaults_need_no_file():
    found = read_settings(None, {"HOME": "/home/me"}, {})
    assert (found.host, found.port, found.log_level) == ("127.0.0.1", 3000, "info")
    assert found.state == Path("/home/me/.local/share/weft")
    assert found.management.domains == ("localhost",)


def test_flags_beat_the_environment_which_beats_the_file(read):
    text = 'host = "file"\nport = 1\nkeep_releases = 1'
    found = read(text, {"WEFT_PORT": "2", "WEFT_KEEP_RELEASES": "2"}, keep_releases=3, strict=None)
    assert (found.host, found.port, found.keep_releases, found.strict) == ("file", 2, 3, False)


def test_tables_sizes_and_times(read):
    found = read(
        'log_bytes = "1MiB"\n[http]\nmax_body_bytes = "2GiB"\nheader_timeout = "500ms"\nkeep_alive_timeout = 5'
    )
    assert found.log_bytes == 1024**2
    assert (found.http.max_body_bytes, found.http.header_timeout, found.http.keep_alive_timeout) == (
        2 * 1024**3,
        0.5,
        5.0,
    )


def test_the_environment_reaches_every_setting(read):
    environ = {
        "WEFT_HTTP_MAX_HEADERS": "7",
        "WEFT_HTTP_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        "WEFT_HTTP_ACCESS_LOG": "false",
        "WEFT_HTTP_BODY_TIMEOUT": "5",
        "WEFT_MANAGEMENT_DOMAINS": "manage.example.org",
        "WEFT_POLICY_MEMORY": "1GiB",
        "WEFT_POLICY_CPU": "1.5",
        "WEFT_POLICY_DISK": "2GiB",
        "WEFT_POLICY_PORTS": "443, 5432",
    }
    found = read("", environ)
    assert found.http.max_headers == 7
    assert found.http.trusted_proxies == ("10.0.0.0/8", "::1")
    assert found.http.access_log is False
    assert found.http.body_timeout == 5.0
    assert found.management.domains == ("manage.example.org",)
    assert (found.policy.memory, found.policy.cpu) == (1024**3, 1.5)
    assert (found.policy.disk, found.policy.ports) == (2 * 1024**3, (443, 5432))


def test_every_problem_is_reported_at_once(read):
    text = 'prot = 1\nlog_level = "loud"\n[http]\nmax_header = 3\nheader_timeout = "soon"\n[policy]\nmemory = true\n'
    with pytest.raises(UsageError) as caught:
        read(text, {"WEFT_PORT": "many", "WEFT_HTTP_MAX_HEADRES": "3"}, keep_releases="x")
    lines = str(caught.value).splitlines()
    assert len(lines) == 8, lines
    said = "\n".join(lines)
    assert "weft.toml: prot: unknown key (did you mean 'port'?)" in said
    assert "weft.toml: http.max_header: unknown key (did you mean" in said
    assert "WEFT_PORT: " in said
    assert "--keep-releases: " in said
    assert "WEFT_HTTP_MAX_HEADRES: no such setting (did you mean 'WEFT_HTTP_MAX_HEADERS'?)" in said


def test_variables_of_others_are_left_alone(read):
    assert read("", {"WEFT_TOKEN": "x", "WEFT_SOMETHING_ELSE_ENTIRELY": "y"}).port == 3000


def test_plugins_by_name(read, tmp_path):
    text = '[plugins.shop]\nfile = "shop"\ndomains = ["Shop.Example.org"]\n'
    text += 'allow = ["read=/srv"]\n[plugins.shop.config]\na = 1\n'
    shop = read(text).plugins["shop"]
    assert shop.file == tmp_path / "shop"
    assert shop.domains == ("shop.example.org",)
    assert (shop.allow, shop.config) == (("read=/srv",), {"a": 1})


def test_a_grant_in_the_file_is_checked(read):
    with pytest.raises(UsageError, match=r"plugins\.shop\.allow: .*did you mean 'read'"):
        read('[plugins.shop]\nallow = ["reed=/srv"]')


def test_the_policy_is_checked_wherever_it_comes_from(read):
    with pytest.raises(UsageError) as caught:
        read('[policy]\nread = ["data"]\nruntimes = ["inlin"]', {"WEFT_POLICY_PORTS": "443, 70000"})
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        "policy.runtimes[0]", "policy.read[0]", "policy.ports[1]",
    ]  # fmt: skip


def test_how_far_the_sandbox_must_hold(read):
    assert read().sandbox == "best-effort"
    assert read('sandbox = "required"').sandbox == "required"
    assert read("", {"WEFT_SANDBOX": "required"}).sandbox == "required"
    with pytest.raises(UsageError, match=r"WEFT_SANDBOX: "):
        read("", {"WEFT_SANDBOX": "off"})


def test_what_becomes_of_packages_that_come_as_source(read):
    assert read().builds == "confined"
    assert read('builds = "refused"').builds == "refused"
    assert read("", {"WEFT_BUILDS": "unconfined"}).builds == "unconfined"
    with pytest.raises(UsageError, match=r"WEFT_BUILDS: "):
        read("", {"WEFT_BUILDS": "off"})


def test_glooms_plugins_table(read, tmp_path):
    text = 'pluginDir = "plugs"\nenableChroot = true\n[[plugins]]\n'
    text += 'file = "a.py"\nname = "a"\ndomains = ["a.example.org"]\n'
    (entry,) = read(text).preload
    assert (entry.file, entry.name, entry.domains) == (tmp_path / "plugs" / "a.py", "a", ("a.example.org",))


def test_glooms_plugins_are_in_plugs_where_nothing_says_otherwise(read, tmp_path):
    (tmp_path / "plugs").mkdir()
    (tmp_path / "plugs" / "a.py").touch()
    (tmp_path / "b.py").touch()
    found = read("".join(f'[[plugins]]\nfile = "{name}.py"\n' for name in "abc")).preload
    assert [entry.file for entry in found] == [tmp_path / "plugs" / "a.py", tmp_path / "b.py", tmp_path / "c.py"]


@pytest.mark.parametrize("value", ["true", "false"])
def test_glooms_chroot_is_the_sandbox_and_that_is_said(tmp_path, value):
    file, notes = tmp_path / "weft.toml", []
    file.write_text(f"enableChroot = {value}\n")
    read_settings(file, {}, {}, note=notes.append)
    assert notes == [f"note: {file}: enableChroot: {CHROOT}"]


def test_glooms_environment(read, tmp_path):
    entries = [
        {"file": str(tmp_path / "a.py"), "name": "a", "domains": ["a.localhost"]},
        {"name": "GLoomI", "domains": ["admin.localhost"]},
    ]
    found = read("", {"PRELOADED_PLUGINS": json.dumps(entries), "DEBUG": "true", "GLOOM_DIR": "/srv/gloom"})
    assert [entry.name for entry in found.preload] == ["a"]
    assert found.management.domains == ("admin.localhost",)
    assert (found.log_level, found.state) == ("debug", Path("/srv/gloom"))


@pytest.mark.parametrize(
    "entry",
    [{"name": "gloomi"}, {"name": "GLoomI", "file": "x.so"}, {"file": "gloomi.so"}, {"file": "/plugs/GLoomI.so"}],
)
def test_gloomi_is_known_by_its_name_or_its_file(read, entry):
    found = read("", {"PRELOADED_PLUGINS": json.dumps([{**entry, "domains": ["admin.localhost"]}])})
    assert (found.preload, found.management.domains) == ((), ("admin.localhost",))
    text = "".join(f"{key} = {value!r}\n" for key, value in entry.items())
    found = read(f"[[plugins]]\n{text}domains = ['admin.localhost']\n")
    assert (found.preload, found.management.domains) == ((), ("admin.localhost",))


@pytest.mark.parametrize(
    "text", ["{", '{"file": "a"}', '[{"name": "a"}]', '[{"file": 3}]', "[7]", '[{"file": "a", "domain": "b"}]']
)
def test_a_bad_list_of_preloaded_plugins_is_named(read, text):
    with pytest.raises(UsageError, match="PRELOADED_PLUGINS"):
        read("", {"PRELOADED_PLUGINS": text})


@pytest.mark.parametrize(
    "text", ["port = ", "http = 3", "[plugins]\nshop = 3", "preload = []", "plugins = 3", "state = 7"]
)
def test_a_bad_file_is_named(read, text):
    with pytest.raises(UsageError, match=r"weft\.toml: "):
        read(text)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"missing\.toml: cannot be read"):
        read_settings(tmp_path / "missing.toml", {}, {})


@pytest.mark.parametrize(
    ("environ", "state"),
    [
        ({"WEFT_STATE": "/a", "GLOOM_DIR": "/b", "XDG_DATA_HOME": "/c"}, "/a"),
        ({"GLOOM_DIR": "/b", "XDG_DATA_HOME": "/c"}, "/b"),
        ({"XDG_DATA_HOME": "/c"}, "/c/weft"),
        ({"HOME": "/home/me"}, "/home/me/.local/share/weft"),
        ({"WEFT_STATE": "~"}, str(Path.home())),
        ({"WEFT_STATE": "~nobody has this name"}, str(Path("~nobody has this name").absolute())),
    ],
)
def test_where_the_state_is(environ, state):
    assert default_state(environ) == Path(state)


def test_every_setting_has_a_variable():
    names = set(setting_names())
    assert {"port", "state", "http.max_headers", "management.domains", "policy.memory"} <= names


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["WEFT_PORT", "WEFT_HTTP_MAX_BODY_BYTES", "DEBUG", "PRELOADED_PLUGINS", "WEFT_STATE"]),
        st.text(),
    )
)
def test_any_environment_gives_settings_or_a_usage_error(environ):
    try:
        read_settings(None, environ, {})
    except UsageError as error:
        assert str(error)
