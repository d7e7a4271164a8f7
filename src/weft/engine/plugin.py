"""A plugin as its callers and operators see it: the same object over every upgrade."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from weft.calls.channel import Channel
from weft.calls.tally import Tally
from weft.contracts.description import Contract
from weft.engine.crew import Crew
from weft.engine.member import Member
from weft.engine.recent import Recent
from weft.engine.release import Release
from weft.errors import Unavailable
from weft.lifecycle import PLUGIN
from weft.lifecycle.table import Machine
from weft.manifest.model import Manifest, completed
from weft.runtimes.launch import Facts
from weft.types import OutputLine

QUARANTINE_RETRY = 60.0
"""Seconds after which it is worth asking again for a plugin that somebody has to restart first."""


class Plugin:
    """A live handle. It changes only by the engine's hand."""

    def __init__(
        self,
        release: Release,
        changed: Callable[[Plugin], None] = lambda _plugin: None,
    ) -> None:
        self.name = release.manifest.name
        self.release = release
        self._manifest = release.manifest
        self.call_timeout = release.manifest.limits.call
        self._changed = changed
        self._machine = Machine(PLUGIN)
        self._crew: Crew | None = None
        self._live: tuple[Member, ...] = ()
        self._draining: tuple[Crew, ...] = ()
        self._restarts = 0
        self.tally = Tally()
        """Its calls by contract, over every upgrade."""
        self.recent = Recent()
        """What it printed last; the engine's hand adds to it."""

    def __repr__(self) -> str:
        """Its name, version and state."""
        return f"<Plugin {self.name} {self.version}, {self.state}>"

    @property
    def version(self) -> str:
        """The version that answers new calls."""
        return self.manifest.version

    @property
    def manifest(self) -> Manifest:
        """The manifest of the release that answers new calls, with what the plugin's own ``Metadata`` adds."""
        return self._manifest

    @property
    def state(self) -> str:
        """See lifecycle.PLUGIN."""
        return self._machine.state

    @property
    def instances(self) -> tuple[Member, ...]:
        """The instances that answer new calls."""
        return self._live

    @property
    def draining(self) -> tuple[Member, ...]:
        """Instances of earlier releases that finish what they began."""
        return tuple(member for crew in self._draining for member in crew.live)

    @property
    def releases(self) -> tuple[Release, ...]:
        """The release that answers, or would, those that drain, and the one that may have to answer again."""
        fallback = (self.fallback,) if self.fallback is not None else ()
        return (self.release, *(crew.release for crew in self._draining), *fallback)

    @property
    def fallback(self) -> Release | None:
        """What answers again if this release fails; None where that was not asked for, or it has settled."""
        return None if self._crew is None or self._crew.settled else self.release.fallback

    @property
    def provides(self) -> tuple[str, ...]:
        """Contracts, as ``name@major``; () while nothing runs."""
        return self._crew.facts.provides if self._crew is not None and self._live else ()

    @property
    def facts(self) -> Facts | None:
        """What the instances say of themselves; None before any has started."""
        return self._crew.facts if self._crew is not None else None

    @property
    def failure(self) -> str:
        """What happened to the instance that is not there any more; '' where none is missing."""
        return self._crew.failure if self._crew is not None else ""

    @property
    def over(self) -> bool:
        """Whether nothing answers, and nothing will by itself."""
        return self._crew is None

    def bind(self, contract: Contract) -> None:
        """Tell the instances of the host's contract, unless they know it. Raises ContractMismatch."""
        if self._crew is not None:
            self._crew.bind(contract)

    def known(self, key: str) -> Contract | None:
        """The contract of that key as the instances know it: the host's, or what they say themselves."""
        return self._crew.known(key) if self._crew is not None else None

    def pick(self) -> Channel:
        """The channel of the instance with the fewest calls in flight. Raises Unavailable when none is live."""
        live = self._live
        if len(live) == 1:
            return live[0].channel
        if live:
            return min(live, key=_load).channel
        raise self._unavailable()

    def _unavailable(self) -> Unavailable:
        crew = self._crew
        if crew is None or not crew.failure:
            return Unavailable(f"plugin {self.name} is {self.state}")
        why, wait = f"plugin {self.name} is {self.state}: {crew.failure}", crew.next_try
        if wait is None:
            return Unavailable(f"{why}; deploy another release, or restart it", QUARANTINE_RETRY)
        return Unavailable(f"{why}; the next start is in {wait:.1f} s", max(1.0, wait))

    def logs(self, *, level: str = "trace") -> tuple[OutputLine, ...]:
        """The latest lines that it printed and logged, of that level and above, the oldest first."""
        return self.recent.lines(level=level)

    @property
    def restarts(self) -> int:
        """Lost instances that were started again, of every release so far."""
        return self._restarts + (self._crew.restarts if self._crew else 0)

    def stats(self) -> Mapping[str, Any]:
        """What it does and uses now, read when asked; of ``memory`` and ``cpu`` what the live instances use.

        ``in_flight``, ``restarts``, ``calls`` and ``errors`` (by contract, so far), ``memory`` (bytes), ``cpu``
        (seconds).
        """
        usages = [member.instance.usage() for member in self._live]
        return {
            "in_flight": sum(member.in_flight for member in self._live),
            "restarts": self.restarts,
            "calls": self.tally.calls,
            "errors": self.tally.errors,
            "memory": sum(usage.get("memory", 0.0) for usage in usages),
            "cpu": sum(usage.get("cpu", 0.0) for usage in usages),
        }

    # The engine's hand.

    def enter(self, event: str) -> None:
        """Take a transition of lifecycle.PLUGIN."""
        self._machine.fire(event)

    def replace(self, crew: Crew) -> Crew | None:
        """From now on ``crew`` answers; returns the one that did."""
        self.enter("ready" if self.state == "starting" else "replace")
        old, self._crew = self._crew, crew
        self.release, self._live = crew.release, crew.live
        self._manifest = completed(crew.release.manifest, crew.facts.about)
        self.call_timeout = crew.release.manifest.limits.call
        if len(crew.live) < crew.wanted:  # lost while its release was being committed
            self.enter("lose_some" if crew.live else "lose_all")
        if crew.quarantined:
            self.enter("quarantine")
        if old is not None:
            self._restarts += old.restarts
        self._changed(self)
        return old

    def withdraw(self) -> Crew | None:
        """From now on nothing answers; returns the crew that did."""
        self.enter("stop")
        self._restarts = self.restarts
        old, self._crew, self._live = self._crew, None, ()
        self._changed(self)
        return old

    def crew_changed(self, crew: Crew) -> None:
        """An instance of ``crew`` was lost, restored, or given up."""
        if crew is not self._crew:
            return
        before, self._live = len(self._live), crew.live
        if crew.quarantined:
            self.enter("quarantine")
        elif len(crew.live) < before:
            self.enter("lose_some" if crew.live else "lose_all")
        elif len(crew.live) > before:
            self.enter("restore" if len(crew.live) == crew.wanted else "restore_some")
        self._changed(self)

    def begin_drain(self, crew: Crew, most: int) -> None:
        """``crew`` drains; past ``most`` of them the oldest is ended first."""
        self._draining = (*self._draining, crew)
        for oldest in self._draining[:-most]:
            oldest.cut()

    def end_drain(self, crew: Crew) -> None:
        """``crew`` has drained and stopped."""
        self._draining = tuple(each for each in self._draining if each is not crew)


def _load(member: Member) -> tuple[bool, int]:
    # One whose wire has ended, but not yet its process, is nobody's choice.
    return member.channel.closed, member.channel.in_flight
