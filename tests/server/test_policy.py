import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import Refused, UsageError
from weft.manifest.model import Limits, Manifest, Permissions
from weft.server.policy import ceiling, check, confine, exceeding, merge_grants, read_grant
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
        ("manage=perhaps", "manage=perhaps"),
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


@given(
    st.lists(st.sampled_from(["memory=1GiB", "memory=2GiB", "network=outbound", "cpu=none", "read=/a", "manage"])),
    st.sampled_from([manifest for manifest, _ in ASKED]),
)
def test_more_grants_never_allow_less(grants, manifest):
    assert len(exceeding(manifest, ceiling(DEFAULT, grants))) <= len(exceeding(manifest, DEFAULT))
