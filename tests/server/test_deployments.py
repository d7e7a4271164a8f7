"""What a release is made of, before anything is changed."""

from __future__ import annotations

import pytest

from weft.errors import NotInThisVersion
from weft.manifest import Manifest, Requires
from weft.server.deployments import plan_preloaded, plan_release
from weft.server.state import Settings
from weft.settings import PluginSettings, PolicySettings

MANIFEST = Manifest(name="shop", domains=("a.localhost",), requires=Requires(plugins={"till": "", "cart": ">=1"}))


def test_a_server_refuses_what_requires_other_plugins_by_their_names() -> None:
    with pytest.raises(NotInThisVersion, match=r"shop requires other plugins \(cart, till\)"):
        plan_preloaded(MANIFEST, None, PluginSettings())
    with pytest.raises(NotInThisVersion, match=r"shop requires other plugins \(cart, till\)"):
        plan_release(MANIFEST, Settings(), (), PluginSettings(), PolicySettings())
