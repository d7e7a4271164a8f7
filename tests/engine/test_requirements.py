"""What a plugin may require of its host."""

from __future__ import annotations

import pytest

import weft
from weft.engine.requirements import check_host
from weft.errors import UsageError
from weft.manifest import Manifest, Requires


@pytest.mark.parametrize("wanted", [None, "", f"=={weft.__version__}", ">=0.0.1", ">=0.0.1,<100"])
def test_a_range_that_holds_this_version_is_met(wanted: str | None) -> None:
    check_host(Manifest(name="shop", requires=Requires(weft=wanted)))


def test_another_version_is_refused_with_both_shown() -> None:
    with pytest.raises(UsageError, match=rf"shop requires weft >=999.*this is weft {weft.__version__}"):
        check_host(Manifest(name="shop", requires=Requires(weft=">=999")))
