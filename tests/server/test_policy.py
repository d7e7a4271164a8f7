import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import Refused, UsageError
from weft.manifest.model import Limits, Manifest, Permissions
from weft.server.places import Places
from weft.server.policy import (
    ceiling,
    check,
    check_granted,
    confine,
    exceeding,
    follow,
    merge_grants,
    problems,
    read_grant,
    spellings,
    warnings,
)
from weft.settings import PolicySettings

DEFAULT = PolicySettings()


def asks(*, runtime="process", instances=1, limits=None, **permissions):
    keys = [f"permissions.{key}" for key in permissions] + [f"limits.{key}" for key in limits or {}]
    return Manifest(
        name="shop",
        version="1.0",
        runtime=runtime,
        instances=instances,
        permissions=Permissions(**permissions),
        limits=Limits(**(limits or {})),
        given=frozenset(keys),
    )


ASKED = [
    (asks(), []),
    (asks(read=("/srv",)), ["read=/srv"]),
    (asks(write=("/srv/a", "/srv/b")), ["write=/srv/a", "write=/srv/b"]),
    (asks(env=("HOME",)), ["env=HOME"]),
    (asks(exec=("/usr/bin/git",)), ["exec=/usr/bin/git"]),
    (asks(plugins=("other",)), ["plugins=other"]),
    (asks(manage=True), ["manage"]),
    (asks(manage=False), []),
    (asks(network="outbound"), []),
    (asks(network="none"), []),
    (asks(ports=(443,)), []),
    (asks(ports=()), []),
    (asks(limits={"disk": 2 * 1024**3}), ["disk=2GiB"]),
    (asks(runtime="inline"), ["runtime=inline"]),
    (asks(runtime="executable"), []),
    (asks(limits={"memory": 1024**3}), ["memory=1GiB"]),
    (asks(limits={"memory": 1024}), []),
    (asks(limits={"startup": 60.0, "call": 0.5}), ["startup=60s"]),
    (asks(limits={"cpu": 4.0}), []),
    (asks(instances=50), ["instances=50"]),
]


@pytest.mark.parametrize(("manifest", "grants"), ASKED)
def test_what_exceeds_the_defaults_and_the_grants_that_settle_it(manifest, grants):
    assert [each.grant for each in exceeding(manifest, DEFAULT)] == grants
    assert exceeding(manifest, ceiling(DEFAULT, grants)) == []


@pytest.mark.parametrize(
    ("granted", "asked", "fits"),
    [
        ("/srv", "/srv/photos", True),
        ("/srv", "/srv/", True),
        ("/srv", "/srvx", False),
        ("/srv", "/srv/../etc", False),
        ("/srv/./photos", "/srv/photos", True),
        ("/", "/etc", True),
        ("/srv/photos", "/srv", False),
    ],
)
def test_a_path_below_a_granted_one_is_granted(granted, asked, fits):
    assert (exceeding(asks(read=(asked,)), ceiling(DEFAULT, [f"read={granted}"])) == []) is fits


NARROW = PolicySettings(ports=(443, 80))


@pytest.mark.parametrize(
    ("ports", "grants"),
    [((443,), []), ((80, 443), []), ((443, 22, 25), ["ports=22", "ports=25"]), ((), ["ports=any"])],
)
def test_ports_are_asked_one_by_one_and_none_named_is_all_of_them(ports, grants):
    manifest = asks(ports=ports)
    assert [each.grant for each in exceeding(manifest, NARROW)] == grants
    assert exceeding(manifest, ceiling(NARROW, grants)) == []
    assert confine(manifest, ceiling(NARROW, grants)).permissions.ports == ports


def test_granted_ports_add_to_those_of_the_policy_and_take_none_from_any():
    assert ceiling(NARROW, ["ports=22"]).ports == (443, 80, 22)
    assert ceiling(NARROW, ["ports=22", "ports=any"]).ports == ()
    assert ceiling(DEFAULT, ["ports=22"]).ports == ()


STATE = Places("/srv/weft")


@pytest.mark.parametrize("key", ["read", "write"])
@pytest.mark.parametrize("path", ["/", "/srv", "/srv/weft", "/srv/weft/token", "/srv/weft/data/other", "/srv/./weft/"])
def test_what_reaches_the_servers_own_folder_is_granted_by_its_own_path_alone(key, path):
    manifest, spelled = asks(**{key: (path,)}), read_grant(f"{key}={path}")
    wider = {f"{key}={each}" for each in ("/", "/srv", "/srv/weft", "/srv/weft/data")} - {spelled}
    assert [each.grant for each in exceeding(manifest, ceiling(DEFAULT, wider), STATE)] == [spelled]
    assert exceeding(manifest, ceiling(DEFAULT, [f"{key}={path}"]), STATE) == []
    (warning,) = warnings(manifest, STATE)
    assert path in warning
    assert "the server's own folder /srv/weft" in warning


def test_what_lies_beside_the_servers_own_folder_is_granted_as_ever():
    manifest = asks(read=("/srv/weft-photos", "/srv/photos/large"))
    assert exceeding(manifest, ceiling(DEFAULT, ["read=/srv"]), STATE) == []
    assert warnings(manifest, STATE) == []


def test_a_link_is_judged_by_where_it_leads_and_that_is_what_the_plugin_gets():
    led = Places("/srv/weft", {"/srv/out/x": "/srv/weft/data", "/srv/out/y": "/etc", "/mnt": "/srv/photos"})
    granted = ceiling(DEFAULT, ["read=/srv/out", "read=/mnt"])
    (over,) = exceeding(asks(read=("/srv/out/y",)), granted, led)
    assert over.grant == "read=/srv/out/y"
    for allow in ("read=/srv/out", "read=/srv/out/x"):  # the link may lead elsewhere since that was granted
        (over,) = exceeding(asks(read=("/srv/out/x",)), ceiling(granted, [allow]), led)
        assert (over.asked, over.grant) == ("read /srv/out/x", "read=/srv/weft/data")
    assert exceeding(asks(read=("/srv/out/x",)), ceiling(granted, [over.grant]), led) == []
    fits = asks(read=("/srv/photos/large", "/mnt"), write=("/mnt",))
    assert [each.grant for each in exceeding(fits, granted, led)] == ["write=/mnt"]
    followed = follow(fits, led).permissions
    assert (followed.read, followed.write) == (("/srv/photos/large", "/srv/photos"), ("/srv/photos",))


def test_reading_grants_no_writing():
    assert exceeding(asks(write=("/srv",)), ceiling(DEFAULT, ["read=/srv"]))


def test_a_refusal_lists_everything_and_the_remedy():
    with pytest.raises(Refused) as caught:
        check(asks(read=("/srv",), runtime="inline", limits={"memory": 1024**3}), DEFAULT)
    text = str(caught.value)
    assert "shop 1.0 asks for more" in text
    assert "memory 1GiB (at most 512MiB)" in text
    assert "weft deploy --allow runtime=inline --allow read=/srv --allow memory=1GiB" in text


def test_a_tighter_policy_binds_what_says_nothing():
    tight = PolicySettings(network="none", memory=1024, cpu=0.5)
    manifest = asks()
    check(manifest, tight)
    confined = confine(manifest, tight)
    assert (confined.permissions.network, confined.limits.memory, confined.limits.cpu) == ("none", 1024, 0.5)


def test_of_what_a_manifest_leaves_open_lists_stay_empty_and_the_rest_is_clamped():
    policy = PolicySettings(
        read=("/srv",), env=("LANG",), exec=("git",), plugins=("a",), manage=True, ports=(443,), disk=1024, threads=64
    )
    confined = confine(asks(), policy)
    assert confined.permissions == Permissions(ports=(443,))
    assert confined.limits == Limits(disk=1024)
    assert confine(confined, policy) == confined


def test_confining_leaves_what_was_asked_and_allowed():
    allowed = ceiling(DEFAULT, ["memory=1GiB"])
    assert confine(asks(limits={"memory": 1024**3}), allowed).limits.memory == 1024**3


def test_asking_for_no_processor_limit_needs_leave():
    tight = PolicySettings(cpu=1.0)
    manifest = asks(limits={"cpu": None})
    assert [each.grant for each in exceeding(manifest, tight)] == ["cpu=none"]
    assert exceeding(manifest, ceiling(tight, ["cpu=none"])) == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("memory=1024MiB", "memory=1GiB"),
        ("limits.memory=1024MiB", "memory=1GiB"),
        ("permissions.read=/srv/", "read=/srv"),
        ("manage", "manage"),
        ("manage=true", "manage"),
        ("startup=90", "startup=90s"),
        ("disk=2048MiB", "disk=2GiB"),
        ("ports=443", "ports=443"),
        ("ports= any", "ports=any"),
        ("exec=bin/convert", "exec=bin/convert"),
        ("cpu=1.5", "cpu=1.5"),
    ],
)
def test_a_grant_has_one_spelling(written, read):
    assert read_grant(written) == read
    assert merge_grants([written], [read]) == (read,)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("reed=/srv", "did you mean 'read'"),
        ("read=", "is empty"),
        ("memory=lots", "not a size"),
        ("network=all", "network=all"),
        ("manage=perhaps", "has no value 'perhaps'"),
        ("manage=false", "leave it out"),
        ("ports=0", "out of range"),
        ("ports=https", "whole number"),
        ("ports=443,80", "whole number"),
        ("read=photos", "not an absolute path"),
        ("write=~/photos", "write the whole path"),
        ("read=/srv/..", "write where it leads"),
        ("exec=../sh", "not a program"),
        ("", "no permission or limit"),
    ],
)
def test_a_grant_that_makes_no_sense_is_explained(written, says):
    with pytest.raises(UsageError, match=says):
        read_grant(written)


@given(st.text(max_size=40))
def test_any_text_is_a_grant_or_a_usage_error(text):
    try:
        spelled = read_grant(text)
    except UsageError:
        return
    assert read_grant(spelled) == spelled


SOME = ["memory=1GiB", "memory=2GiB", "network=outbound", "cpu=none", "read=/a", "manage", "ports=22", "ports=any"]


@given(
    st.lists(st.sampled_from(SOME)),
    st.sampled_from([manifest for manifest, _ in ASKED]),
    st.sampled_from([DEFAULT, NARROW]),
)
def test_more_grants_never_allow_less(grants, manifest, policy):
    assert len(exceeding(manifest, ceiling(policy, grants))) <= len(exceeding(manifest, policy))


def test_what_a_shell_completes_is_a_grant_or_the_beginning_of_one():
    known = list(spellings())
    assert {"manage", "network=none", "ports=any", "read=", "runtime=inline", "disk="} <= set(known)
    for each in known:
        if not each.endswith("="):
            assert read_grant(each) == each


@pytest.mark.parametrize(
    ("take", "words"),
    [(("manage",), r"was not granted manage \(granted: cpu=2.0\)"), (("read=/srv",), r"\[plugins\.shop\] allow")],
)
def test_what_was_not_granted_or_stands_in_the_settings_cannot_be_taken_back(take, words):
    check_granted("shop", ["cpu=2.0"], ["cpu=2.0"], ["read=/srv/"])
    with pytest.raises(UsageError, match=words):
        check_granted("shop", take, ["cpu=2.0"], ["read=/srv/"])


def test_the_default_policy_has_no_problems_and_every_wrong_value_is_named():
    assert list(problems(DEFAULT)) == []
    wrong = PolicySettings(runtimes=("proces",), read=("data",), ports=(443, 0), memory=5, instances=0)
    found = list(problems(wrong))
    assert [each.partition(":")[0] for each in found] == [
        "policy.runtimes[0]", "policy.read[0]", "policy.ports[1]", "policy.memory", "policy.instances",
    ]  # fmt: skip
    assert "did you mean 'process'?" in found[0]
