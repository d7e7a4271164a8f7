"""What a release is made of, before anything is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.errors import UsageError
from weft.manifest import Manifest, Provided
from weft.server.deployments import plan_deploy, plan_preloaded, plan_release
from weft.server.places import Places
from weft.server.state import Settings
from weft.server.uploads import Upload
from weft.settings import PluginSettings, PolicySettings

WEB = Manifest(name="shop", domains=("a.localhost",))
SHELF = Manifest(name="shelf", domains=("shelf.localhost",), provides=(Provided("shelf"),))
GIVEN = Settings(domains=("given.localhost",))


def test_pages_have_domains_given_or_their_own() -> None:
    assert plan_preloaded(WEB, None, PluginSettings(), Places()).domains == ("a.localhost",)
    assert plan_release(WEB, GIVEN, (), PluginSettings(), PolicySettings(), Places()).domains == ("given.localhost",)


def test_what_provides_no_pages_has_no_domains() -> None:
    assert plan_preloaded(SHELF, None, PluginSettings(), Places()).domains == ()
    assert plan_release(SHELF, GIVEN, (), PluginSettings(), PolicySettings(), Places()).domains == ()


def test_domains_for_what_provides_no_pages_are_refused() -> None:
    upload = Upload(path=Path("shelf.py"), domains=("b.localhost",))
    with pytest.raises(UsageError, match=r"plugin shelf provides shelf@1, and no web pages: leave its domains out"):
        plan_deploy(SHELF, upload, None, PluginSettings(), PolicySettings(), Places())
