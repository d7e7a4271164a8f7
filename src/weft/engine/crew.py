"""The instances of one release: started together, watched, restarted when lost, drained and stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from weft.contracts.description import Contract
from weft.engine.member import Member
from weft.engine.place import Place
from weft.engine.release import Release
from weft.errors import DrainEnded
from weft.runtimes.launch import Facts, Launch, Output, Runtime
from weft.settings import SupervisionSettings

STOP_GRACE = 10.0
"""Seconds that a plugin has to shut down once nothing is in flight."""


class Crew:
    """All instances of one release.

    ``changed(crew)`` is told when ``live`` has changed, ``report(kind, message, **data)`` of what happens. ``equip``
    adds to what each instance is started from.
    """

    facts: Facts
    """What the instances say of themselves: they are of one release and say the same. Known once started."""

    def __init__(
        self,
        release: Release,
        runtime: Runtime,
        output: Output,
        *,
        changed: Callable[[Crew], None],
        report: Callable[..., None],
        equip: Callable[[Launch], Launch] = lambda launch: launch,
        policy: SupervisionSettings,
    ) -> None:
        self.release = release
        self._equip = equip
        self._told: dict[str, Contract] = {}
        self.live: tuple[Member, ...] = ()
        self.settled = False
        self._policy = policy
        self._places: tuple[Place, ...] = ()
        self._runtime = runtime
        self._output = output
        self._changed = changed
        self._report = report
        self._watchers: list[asyncio.Task[None]] = []
        self._cut = asyncio.Event()

    @property
    def wanted(self) -> int:
        """How many instances there should be."""
        return self.release.manifest.instances

    @property
    def quarantined(self) -> bool:
        """Whether nothing is left, and nothing is tried any more."""
        return bool(self._places) and all(place.quarantined for place in self._places)

    @property
    def restarts(self) -> int:
        """How many instances were started in place of lost ones."""
        return sum(place.restarts for place in self._places)

    @property
    def next_try(self) -> float | None:
        """Seconds until the next instance is started; None where none will be."""
        return min((each.next_try for each in self._places if each.next_try is not None), default=None)

    @property
    def failure(self) -> str:
        """What happened last to an instance that is not there any more; '' where all are."""
        return next((str(each.failure["message"]) for each in self._places if each.member is None), "")

    async def start(self) -> None:
        """Start every instance. Raises the first failure, with nothing left behind."""
        starts = [asyncio.create_task(self._start_one()) for _ in range(self.wanted)]
        try:
            self.live = tuple(await asyncio.gather(*starts))
        except BaseException:
            for task in starts:
                if not task.cancelling():  # a second time would cut short what it clears up
                    task.cancel()
            started = await asyncio.gather(*starts, return_exceptions=True)
            await self._stop([each for each in started if isinstance(each, Member)])
            raise
        self.facts = self.live[0].instance.facts
        self._places = tuple(self._place(member) for member in self.live)
        self._watchers = [asyncio.create_task(place.keep()) for place in self._places]
        for watcher in self._watchers:
            watcher.add_done_callback(self._watched)

    def _place(self, member: Member) -> Place:
        return Place(
            member,
            self._policy,
            start=self._start_one,
            changed=self._place_changed,
            settled=self._settle,
            report=self._tell,
            watched=not self.release.patient,
        )

    async def _start_one(self) -> Member:
        launch = self._equip(self.release.launch())
        self._told = {contract.key: contract for contract in launch.contracts}
        return Member(await self._runtime.start(launch, self._output), self.release.number)

    def known(self, key: str) -> Contract | None:
        """The contract of that key as the instances know it."""
        if key in self._told:
            return self._told[key]
        described = self.facts.described.get(key)
        return Contract.parse(described) if described is not None else None

    def bind(self, contract: Contract) -> None:
        """Tell the instances of a contract, unless they know it. Raises ContractMismatch."""
        told = self._told.get(contract.key)
        if told is None or not told.same_as(contract):
            for member in self.live:
                member.instance.bind(contract)
            self.facts = self.live[0].instance.facts if self.live else self.facts
            self._told[contract.key] = contract

    def _watched(self, watcher: asyncio.Task[None]) -> None:
        """A watcher ends when its place is given up, or is cancelled; anything else is told."""
        if not watcher.cancelled() and (error := watcher.exception()) is not None:
            self._report("unwatched", f"an instance is watched no longer, restart the plugin: {error!r}")

    async def retire(self, *, for_good: bool = False) -> None:
        """Let the calls in flight finish within ``limits.drain``, end what is left, and stop every instance.

        ``for_good``: nothing takes over, and tasks that run are told so.
        """
        members = self.live
        self._unwatch()
        for member in members:
            member.enter("drain")
            if for_good:
                member.instance.wind_down()
        await self._drain(members)
        error = DrainEnded(
            f"{self.release.label} was replaced or stopped, and limits.drain ran out",
            plugin=self.release.manifest.name,
            version=self.release.manifest.version,
        )
        for member in members:
            member.instance.fail(error)
        await self._stop(members)

    async def _drain(self, members: tuple[Member, ...]) -> None:
        waits: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._drained(members)),
            asyncio.create_task(self._cut.wait()),
        ]
        try:
            limit = self.release.manifest.limits.drain
            await asyncio.wait(waits, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    @staticmethod
    async def _drained(members: tuple[Member, ...]) -> None:
        for member in members:
            await member.instance.drained()

    def cut(self) -> None:
        """End the drain now."""
        self._cut.set()

    async def stop(self) -> None:
        """Stop every instance without waiting for calls."""
        self._unwatch()
        await self._stop(self.live)

    def _unwatch(self) -> None:
        for watcher in self._watchers:
            watcher.cancel()

    async def _stop(self, members: tuple[Member, ...] | list[Member]) -> None:
        for member in members:
            member.enter("stop")
        stops = [member.instance.stop(STOP_GRACE) for member in members]
        ends = await asyncio.gather(*stops, return_exceptions=True)
        for member in members:
            member.enter("end")
        await asyncio.gather(*self._watchers, return_exceptions=True)
        if failures := [each for each in ends if isinstance(each, BaseException)]:
            raise failures[0]

    # What its places tell.

    def _place_changed(self, place: Place) -> None:
        self.live = tuple(each.member for each in self._places if each.member is not None)
        if place.quarantined:
            self._tell_quarantined(place)
        self._changed(self)

    def _tell_quarantined(self, place: Place) -> None:
        """One place is given up; with the last one, the whole release."""
        name, failures = self.release.manifest.name, self._policy.failures
        of = "" if self.quarantined else f"one of {self.wanted} instances of "
        last = place.failure.get("message", "")
        remedy = f"deploy another release, or start this one again: weft restart {name}"
        self._tell(
            "quarantined",
            f"{of}{self.release.label} is quarantined after {failures} failures in a row, at last: {last}; {remedy}",
            **{key: value for key, value in place.failure.items() if key != "message"},
            failure=last,
            left=len(self.live),
            settled=self.settled,
        )

    def _settle(self) -> None:
        if not self.settled:
            self.settled = True
            self._tell("settled", f"{self.release.label} has served for {self._policy.healthy_after:g} s")

    def _tell(self, kind: str, message: str, **data: Any) -> None:
        """Report what happened to which release."""
        release = self.release
        known = {"release": release.number, "version": release.manifest.version, "digest": release.digest}
        self._report(kind, message, **{**known, **data, "restarts": self.restarts})
