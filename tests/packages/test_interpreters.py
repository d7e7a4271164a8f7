from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from weft.errors import EnvironmentFailed
from weft.packages.interpreters import Interpreter, Interpreters, host_interpreter, probe
from weft.packages.uv import Uv, uv_environ, without_credentials


def find(root: Path, wanted: str | None) -> Interpreter:
    return asyncio.run(Interpreters(root, Uv()).find(wanted, plugin="shop"))


def test_the_hosts_own_will_do_where_it_fits(tmp_path):
    here = host_interpreter()
    assert find(tmp_path, None) == find(tmp_path, f"=={here.version}") == here
    # It is the interpreter itself, not the virtual environment that this runs in.
    command = [here.path, "-c", "import sys; print(sys.prefix == sys.base_prefix)"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "True"


def test_probing_an_interpreter_tells_what_it_tells_of_itself():
    assert asyncio.run(probe(Path(sys.executable), plugin="shop")) == host_interpreter()


def test_what_is_no_interpreter_is_an_error(tmp_path):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho no\n")
    script.chmod(0o755)
    for executable in (script, tmp_path / "gone"):
        with pytest.raises(EnvironmentFailed, match=r"plugin shop: the interpreter .* does not run"):
            asyncio.run(probe(executable, plugin="shop"))


def test_another_interpreter_is_found_and_remembered(tmp_path):
    try:
        found = find(tmp_path, f"!={host_interpreter().version},>=3.9,<3.15")
    except EnvironmentFailed:
        pytest.skip("this machine has no second Python")
    assert found.version != host_interpreter().version
    assert str(found.version) in found.identity
    # With no time for uv, every run of it would fail.
    again = Interpreters(tmp_path, Uv(deadline=0)).find(f"!={host_interpreter().version},>=3.9,<3.15", plugin="shop")
    assert asyncio.run(again) == found


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"path": "/gone"}', '{"path": "/bin/sh", "stamp": [1]}'])
def test_a_spoilt_memory_is_searched_anew(tmp_path, record):
    wanted = f"!={host_interpreter().version},>=3.9,<3.15"
    try:
        found = find(tmp_path, wanted)
    except EnvironmentFailed:
        pytest.skip("this machine has no second Python")
    (memory,) = tmp_path.iterdir()
    memory.write_text(record)
    assert find(tmp_path, wanted) == found


def test_none_that_fits_names_range_findings_and_remedy(tmp_path):
    with pytest.raises(EnvironmentFailed) as failure:
        find(tmp_path, ">=3.99")
    text = str(failure.value)
    assert text.startswith("plugin shop: needs Python >=3.99, found ")
    assert "uv python install '>=3.99'" in text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wanted", ["three", "3.11", ">=", "--help"])
def test_a_range_that_is_none_is_an_error(tmp_path, wanted):
    with pytest.raises(EnvironmentFailed, match="which is no range of versions"):
        find(tmp_path, wanted)


def test_facts_name_the_host_uv_and_others(tmp_path):
    facts = asyncio.run(Interpreters(tmp_path, Uv()).facts())
    assert [fact.name for fact in facts[:2]] == ["Python of the host", "uv"]
    assert facts[0].path == host_interpreter().path
    assert all(fact.version and fact.path for fact in facts)
    assert len({fact.path for fact in facts[1:]}) == len(facts) - 1


def test_uv_gets_its_configuration_and_nothing_else():
    given = {"PATH": "/bin", "HOME": "/h", "UV_CACHE_DIR": "/c", "https_proxy": "p", "SSL_CERT_FILE": "s"}
    held_back = {
        "SECRET": "x",
        "VIRTUAL_ENV": "/v",
        "PYTHONPATH": "/p",
        "UV_PYTHON": "3.9",
        "UV_PROJECT_ENVIRONMENT": "/e",
    }
    passed = uv_environ(given | held_back | {"UV_INDEX_OURS_PASSWORD": "w"})
    assert set(passed) == {*given, "UV_INDEX_OURS_PASSWORD", "UV_PYTHON_DOWNLOADS"}
    assert passed["UV_PYTHON_DOWNLOADS"] == "never"
    assert uv_environ({"UV_PYTHON_DOWNLOADS": "automatic"})["UV_PYTHON_DOWNLOADS"] == "automatic"


def test_pyenvs_shims_give_way_to_its_interpreters(tmp_path):
    real = tmp_path / "versions" / "3.12.1" / "bin"
    real.mkdir(parents=True)
    path = os.pathsep.join([str(tmp_path / "shims"), "/bin"])
    assert uv_environ({"PATH": path, "PYENV_ROOT": str(tmp_path)})["PATH"] == os.pathsep.join(["/bin", str(real)])


def test_credentials_are_never_shown():
    text = "Failed to fetch: https://me:secret@index.example/simple/ and https://token@other.example/, not https://plain.example/@x"
    expected = "Failed to fetch: https://index.example/simple/ and https://other.example/, not https://plain.example/@x"
    assert without_credentials(text) == expected
