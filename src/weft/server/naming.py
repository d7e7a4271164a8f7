"""The name that a plugin gives itself (GLoom's ``name()``), beside the one that it was given."""

from __future__ import annotations

from collections.abc import Callable

from weft.errors import Refused
from weft.packages.sources import Source
from weft.runtimes.launch import Facts


class CallsItself(Exception):  # noqa: N818 - no error: the deployment goes on under this name
    """The plugin's ``name()`` returned another name than its definition or file has."""


def name_check(source: Source) -> Callable[[Facts], None]:
    """What compares both once the plugin has started: a given name must be the plugin's own, a read one gives way.

    It raises Refused, or CallsItself with the name to go on with.
    """

    def check(facts: Facts) -> None:
        if not facts.own_name or facts.own_name == source.manifest.name:
            return
        if source.named:
            raise Refused(
                f"the plugin calls itself {facts.own_name!r} and was to be named {source.manifest.name!r}: "
                "leave the name out, or change what its name() returns"
            )
        raise CallsItself(facts.own_name)

    return check
