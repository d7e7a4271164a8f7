"""What an inline plugin requires, against what is installed: every miss at once, and nothing installed."""

from __future__ import annotations

from importlib.metadata import PathDistribution

import pytest

from weft.errors import EnvironmentFailed
from weft.manifest.model import Requires
from weft.runtimes.inline.requirements import check_interpreter


@pytest.fixture
def site(tmp_path):
    """``find = site(flask="3.0", …)``: distributions as pip leaves them; a list gives further lines of METADATA."""

    def make(**versions):
        found = {}
        for name, (version, *lines) in versions.items():
            info = tmp_path / f"{name}-{version}.dist-info"
            info.mkdir()
            head = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
            (info / "METADATA").write_text("\n".join([*head, *lines]) + "\n")
            found[name] = PathDistribution(info)
        return lambda name: found.get(name.lower().replace("-", "_"))

    return make


OTHERWISE = 'give it a process and packages of its own (runtime = "process")'


def check(find, *packages, python=None):
    check_interpreter(Requires(packages=packages, python=python), plugin="shop", python="3.12.1", find=find)


REQUESTS = ["2.31", "Provides-Extra: socks", 'Requires-Dist: PySocks>=1.5; extra == "socks"', "Requires-Dist: idna"]


@pytest.mark.parametrize(
    "packages",
    [
        ["flask"], ["Flask>=2,<4"], ["flask==3.0.*"], ['gone; python_version < "3"'], ['gone; extra == "x"'],
        ["requests[socks]>=2"], ["re-quests"], ["early>=1"],
    ],
)  # fmt: skip
def test_what_is_installed_is_enough(site, packages):
    installed = {"flask": ["3.0"], "requests": REQUESTS, "pysocks": ["1.7"], "re_quests": ["1"], "early": ["2.0b1"]}
    check(site(**installed), *packages)


def test_every_miss_is_told_at_once_with_what_was_found_and_the_remedy(site):
    find = site(flask=["3.0"], requests=REQUESTS)
    with pytest.raises(EnvironmentFailed) as caught:
        check(find, "flask<3", "numpy>=2", "requests[socks]", "requests[zip]", "flask>=2")
    assert str(caught.value).splitlines() == [
        "plugin shop is inline, and this interpreter has not what it requires:",
        "  flask<3: 3.0 is installed",
        "  numpy>=2: not installed",
        "  requests[zip]: 2.31 is installed, which has no extra zip",
        "  PySocks>=1.5 (for requests[socks]): not installed",
        "pip install 'flask<3' 'numpy>=2' 'requests[zip]' 'PySocks>=1.5' in the host, or " + OTHERWISE,
    ]


def test_extras_that_require_each_other_are_looked_at_once(site):
    circle = ['Requires-Dist: ring[b]; extra == "a"', 'Requires-Dist: ring[a]; extra == "b"']
    check(site(ring=["1", "Provides-Extra: a", "Provides-Extra: b", *circle]), "ring[a]")


def test_a_direct_reference_is_met_by_what_was_installed_from_there_alone(site, tmp_path):
    find = site(flask=["3.0"])
    with pytest.raises(EnvironmentFailed, match="3.0 is installed, from an index"):
        check(find, "flask @ https://a.example/flask.whl")
    (tmp_path / "flask-3.0.dist-info" / "direct_url.json").write_text('{"url": "https://a.example/flask.whl"}')
    check(find, "flask @ https://a.example/flask.whl")


def test_the_interpreter_is_checked_too(site):
    check(site(), python=">=3.9")
    with pytest.raises(EnvironmentFailed, match=r"Python >=3.13: this is Python 3.12.1(.|\n)*runtime = \"process\""):
        check(site(), python=">=3.13")


def test_by_default_it_is_this_interpreter():
    check_interpreter(Requires(packages=("pytest>=1",), python=">=3.11"), plugin="shop")
    with pytest.raises(EnvironmentFailed, match="surely-not-there: not installed"):
        check_interpreter(Requires(packages=("surely-not-there",)), plugin="shop")
