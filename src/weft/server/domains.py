"""Domains: what they may look like, and who has which. Pure.

A domain belongs to one plugin at a time, whether that plugin runs or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from weft.errors import Conflict, UsageError
from weft.manifest import values
from weft.manifest.rules import Invalid


def checked_domains(domains: Iterable[str]) -> tuple[str, ...]:
    """Domains in lower case, each once, in their order. Raises UsageError for an empty list or an invalid domain."""
    given = [domain.strip() for domain in domains]
    if not given or not all(given):
        raise UsageError("domain cannot be empty")
    try:
        return tuple(dict.fromkeys(values.domain(domain.removesuffix(".")) for domain in given))
    except Invalid as error:
        remedy = error.flaws[0].remedy
        raise UsageError(f"invalid domain: {error}" + (f" ({remedy})" if remedy else "")) from None


class Claims:
    """Which plugin has which domain. ``reserved`` are management's own."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._reserved = frozenset(reserved)
        self._owners: dict[str, str] = {}

    def free(self, name: str, domains: Iterable[str]) -> tuple[str, ...]:
        """Those of ``domains`` that ``name`` has or can have."""
        return tuple(each for each in domains if each not in self._reserved and self._owners.get(each, name) == name)

    def take(self, name: str, domains: Iterable[str]) -> None:
        """From now on ``name`` has exactly ``domains``. Raises Conflict when another has one; nothing changes then."""
        wanted = tuple(domains)
        available = self.free(name, wanted)
        for domain in wanted:
            if domain not in available:
                raise Conflict(f"Domain {domain} already exists")
        kept = {domain: owner for domain, owner in self._owners.items() if owner != name}
        self._owners = kept | dict.fromkeys(wanted, name)

    def release(self, name: str) -> None:
        """``name`` has no domain any more."""
        self.take(name, ())

    @contextmanager
    def changing(self, name: str, domains: Iterable[str]) -> Iterator[None]:
        """Hold the old and the new domains of ``name`` while it changes; the old ones stay its own if it fails."""
        wanted = tuple(domains)
        before = tuple(domain for domain, owner in self._owners.items() if owner == name)
        self.take(name, {*before, *wanted})
        try:
            yield
        except BaseException:
            self.take(name, before)
            raise
        self.take(name, wanted)
