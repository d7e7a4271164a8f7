"""Single values: sizes, times, versions, names, domains, contracts, ranges."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from weft.manifest import Provided, values
from weft.manifest.rules import Invalid, Rule

ANY_SIZE = values.size(0, 2**60)
ANY_TIME = values.duration(0, 10**9)
PARSERS: list[Rule] = [
    ANY_SIZE,
    ANY_TIME,
    values.name,
    values.version,
    values.domain,
    values.provided,
    values.specifier,
    values.requirement,
    values.variable,
    values.path,
    values.program,
    values.cores,
]
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.text()),
    st.dictionaries(st.text(), st.text()),
)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("512MiB", 512 * 2**20), ("1KiB", 1024), ("2GiB", 2 * 2**30), ("3 GB", 3 * 10**9), ("5MB", 5 * 10**6),
        ("1.5KiB", 1536), ("100B", 100), ("100", 100), (4096, 4096), (0, 0),
    ],
)  # fmt: skip
def test_sizes_are_bytes(written: object, size: int) -> None:
    assert ANY_SIZE(written) == size


@pytest.mark.parametrize(
    "written", ["", "MiB", "512 mib", "1e3", "-1", "512MiBs", "1..5MiB", "٣MiB", "9" * 40, True, None, [], float("nan")]
)
def test_what_is_no_size_is_refused(written: object) -> None:
    with pytest.raises(Invalid, match=r"size|range"):
        ANY_SIZE(written)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("5m", 300), ("2h", 7200), ("1.5s", 1.5), (30, 30), (0.25, 0.25), ("0", 0)],
)
def test_times_are_seconds(written: object, seconds: float) -> None:
    assert ANY_TIME(written) == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["", "s", "30 sec", "1d", "-5s", "5M", float("inf"), False, {}])
def test_what_is_no_time_is_refused(written: object) -> None:
    with pytest.raises(Invalid, match=r"time|range"):
        ANY_TIME(written)


@given(st.integers(0, 2**60))
def test_a_written_size_reads_back(size: int) -> None:
    assert ANY_SIZE(values.write_size(size)) == size


@given(st.integers(0, 10**6), st.sampled_from(["ms", "s", "m", "h"]))
def test_time_units_multiply(number: int, unit: str) -> None:
    factor = {"ms": Decimal("0.001"), "s": 1, "m": 60, "h": 3600}[unit]
    if number * factor <= 10**9:
        assert ANY_TIME(f"{number}{unit}") == pytest.approx(float(number * factor))


def test_a_bound_is_named_with_its_unit() -> None:
    with pytest.raises(Invalid) as refused:
        values.size(2**20, 2**30)(512)
    (flaw,) = refused.value.flaws
    assert "512B" in flaw.message
    assert "1MiB" in flaw.remedy


@pytest.mark.parametrize(
    "version",
    [
        "1.0.0",
        "0.0.0",
        "1.2.3-alpha.1",
        "1.2.3-0.3.7+build.5",
        "1.0.0-x-y-z",
        "1.0",
        "2024.1",
        "1!2.0",
        "1.0rc1",
        "1.0.dev3",
        "1.0+local.1",
    ],
)
def test_semver_and_pep_440_are_versions(version: str) -> None:
    assert values.version(version) == version


@pytest.mark.parametrize(
    "version",
    ["", "one", "1.0.0-", "1.0.0-01.a", "01.0.0-x", "1.0.0-a..b", "1.0.0+", "v", "1.0.0 beta x", "1" * 200, 1.0],
)
def test_what_is_no_version_is_refused(version: object) -> None:
    with pytest.raises(Invalid):
        values.version(version)


def test_a_number_for_a_version_asks_for_quotes() -> None:
    with pytest.raises(Invalid) as refused:
        values.version(1.0)
    assert '"1.0"' in refused.value.flaws[0].remedy


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40))
def test_versions_that_packaging_reads_are_taken(text: str) -> None:
    try:
        Version(text)
    except InvalidVersion:
        return
    assert values.version(text) == text.strip()


@given(st.text(max_size=30).map(lambda text: f"/{text}"))
def test_a_path_has_one_spelling_which_is_absolute_and_leads_nowhere_up(text: str) -> None:
    try:
        path = values.path(text)
    except Invalid:
        return
    assert path.startswith("/")
    assert not path.startswith("//")
    assert ".." not in path.split("/")
    assert values.path(path) == path


@given(st.from_regex(r"\A[A-Za-z0-9_-]{1,63}\Z"))
def test_names_have_letters_digits_and_two_marks(name: str) -> None:
    assert values.name(name) == name
    assert values.domain(f"{name.strip('-') or 'x'}.localhost")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", "a.b", "é", "a\0", "a\n", "x" * 64, 7, None])
def test_what_is_no_name_is_refused(name: object) -> None:
    if name == "a\n":
        assert values.name(name) == "a"
        return
    with pytest.raises(Invalid):
        values.name(name)


@given(st.text(max_size=80))
def test_a_name_that_is_taken_is_safe_as_a_path(text: str) -> None:
    try:
        name = values.name(text)
    except Invalid:
        return
    assert name.isascii()
    assert not set(name) & set("/\\.\0 ")


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("Shop.Example.ORG", "shop.example.org"),
        ("localhost", "localhost"),
        ("a_b.localhost", "a_b.localhost"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("1and1.de", "1and1.de"),
    ],
)
def test_domains_are_lower_case(written: str, domain: str) -> None:
    assert values.domain(written) == domain


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        ".",
        "a..b",
        ".a",
        "a.",
        "a b",
        "a:3000",
        "http://a",
        "a/b",
        "*.a",
        "bücher.example",
        "-a.b",
        "a-.b",
        "x" * 64,
        ".".join(["x" * 60] * 5),
        "127.0.0.1",
        "10.1",
        "0x7f.0x1",
        "[::1]",
        "::1",
        "a\0b",
        "user@host",
        5,
        None,
    ],
)
def test_what_is_no_domain_is_refused(written: object) -> None:
    with pytest.raises(Invalid):
        values.domain(written)


@given(st.text(max_size=60))
def test_a_domain_that_is_taken_reads_back(text: str) -> None:
    try:
        domain = values.domain(text)
    except Invalid:
        return
    assert values.domain(domain) == domain == domain.lower()
    assert len(domain) <= 253
    assert not set(domain) & set(" :/@*[]\0\r\n")


def test_contracts_are_names_with_a_major() -> None:
    assert values.provided("web") == Provided("web", 1)
    assert values.provided("storage@12") == Provided("storage", 12)


@pytest.mark.parametrize("written", ["", "@1", "web@", "web@0", "web@1.2", "web@x", "1web", "we b", "web@9999999"])
def test_what_is_no_contract_is_refused(written: str) -> None:
    with pytest.raises(Invalid):
        values.provided(written)


@pytest.mark.parametrize("written", ["requests>=2", "a[b]==1; python_version<'4'", "x @ https://example.org/x.whl"])
def test_requirements_stay_as_written(written: str) -> None:
    assert values.requirement(written) == written


@pytest.mark.parametrize("written", ["", "-r other.txt", "--index-url=x", "a b", "a\n--pre", "./folder", "a>>1"])
def test_what_is_no_requirement_is_refused(written: str) -> None:
    with pytest.raises(Invalid):
        values.requirement(written)


def test_any_version_is_an_empty_range() -> None:
    assert values.specifier("*") == ""
    assert values.specifier(">=1,<2") == ">=1,<2"


@pytest.mark.parametrize(("written", "cores"), [(2, 2.0), (0.5, 0.5), ("none", None), (None, None)])
def test_cores(written: object, cores: float | None) -> None:
    assert values.cores(written) == cores


@pytest.mark.parametrize("parser", PARSERS)
@given(value=ANYTHING)
def test_every_parser_answers_or_refuses(parser: Rule, value: object) -> None:
    try:
        parser(value)
    except Invalid as invalid:
        flaws = invalid.flaws
    else:
        return
    assert flaws
    assert all(flaw.message for flaw in flaws)
