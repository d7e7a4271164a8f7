"""The pytest plugin: it loads plugins in any runtime, with pytest-asyncio, with anyio, or with neither.

Imported by pytest alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from weft.testing.loading import Load

pytest.register_assert_rewrite("weft.testing.kit")

MARKER = "weft_runtimes"
SHARED = ("environments", "helpers")
"""What may be built once for all tests, since nothing of a test's own is in it."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", f"{MARKER}(*names): run the test once in each of these runtimes of Weft")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a marked test once in each runtime that it names."""
    marker = metafunc.definition.get_closest_marker(MARKER)
    if marker is not None and "weft_runtime" in metafunc.fixturenames:
        metafunc.parametrize("weft_runtime", marker.args, indirect=True)


@pytest.fixture
def weft_runtime(request: pytest.FixtureRequest) -> str | None:
    """The name of the runtime, in a test that is marked with ``weft_runtimes``; else None."""
    return getattr(request, "param", None)


@pytest.fixture(scope="session")
def _weft_environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weft-environments")


@pytest.fixture
def weft_state(tmp_path: Path, _weft_environments: Path) -> Path:
    """An engine's folder, of this test alone; the environments in it are shared by all tests of a session."""
    state = tmp_path / "weft-state"
    state.mkdir()
    for name in SHARED:
        (_weft_environments / name).mkdir(exist_ok=True)
        (state / name).symlink_to(_weft_environments / name)
    return state


@pytest.fixture
def weft_load(weft_state: Path, weft_runtime: str | None) -> Load:
    """Loads plugins, each for the time of a block.

    ``async with weft_load(SOURCE, Contract) as provider:``, or ``with``, where nothing is awaited.
    ``runtime=…`` says where, else the marker, else the plugin's manifest. ``config``, ``env``, ``name`` and ``order``
    are ``weft.Engine.load``'s. Without a contract it gives the engine, for tests of more than one plugin.
    """
    from weft.testing.loading import Load  # noqa: PLC0415 (only tests that use it pay for the engine)

    return Load(weft_state, weft_runtime)
