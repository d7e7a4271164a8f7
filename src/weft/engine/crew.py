"""The instances of one release: started together, watched, restarted when lost, drained and stopped together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from weft.contracts.description import Contract
from weft.engine.backoff import Backoff
from weft.engine.release import Release
from weft.errors import DeadlineExceeded, DrainEnded, WeftError
from weft.lifecycle import INSTANCE
from weft.lifecycle.table import Machine
from weft.runtimes.launch import Ending, Facts, Instance, Launch, Output, Runtime, last_lines

PING_EVERY = 5.0
"""Seconds between signs of life that are asked of an instance."""
HUNG_AFTER = 60.0
"""Seconds without a sign of life after which an instance is ended and started again."""
HUNG_GRACE = 0.1
"""Seconds that an instance that hangs has to shut down."""
STOP_GRACE = 10.0
"""Seconds that a plugin has to shut down once nothing is in flight."""


class Member:
    """One instance, with its state and age."""

    def __init__(self, instance: Instance, release: int) -> None:
        self.instance = instance
        self.channel = instance.channel
        self.release = release
        self.started = time.time()
        self._machine = Machine(INSTANCE)
        self._machine.fire("ready")

    @property
    def state(self) -> str:
        """See lifecycle.INSTANCE."""
        return self._machine.state

    @property
    def pid(self) -> int | None:
        """The process's id, where the runtime has processes."""
        return self.instance.pid

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return self.channel.in_flight

    def enter(self, event: str) -> None:
        """Take a transition, where the table has it: an instance may end in any state."""
        if self._machine.allows(event):
            self._machine.fire(event)


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
    ) -> None:
        self.release = release
        self._equip = equip
        self._told: dict[str, Contract] = {}
        self.live: tuple[Member, ...] = ()
        self._given_up = 0
        self.restarts = 0
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
    def gave_up(self) -> bool:
        """Whether no place in the crew is tried any more."""
        return self._given_up == self.wanted

    async def start(self) -> None:
        """Start every instance. Raises the first failure, with nothing left behind."""
        starts = [asyncio.create_task(self._start_one()) for _ in range(self.wanted)]
        try:
            self.live = tuple(await asyncio.gather(*starts))
        except BaseException:
            for task in starts:
                task.cancel()
            started = await asyncio.gather(*starts, return_exceptions=True)
            await self._stop([each for each in started if isinstance(each, Member)])
            raise
        self.facts = self.live[0].instance.facts
        self._watchers = [asyncio.create_task(self._watch(member)) for member in self.live]
        for watcher in self._watchers:
            watcher.add_done_callback(self._watched)

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
        """A watcher ends when its instance is given up, or is cancelled; anything else is told."""
        if not watcher.cancelled() and (error := watcher.exception()) is not None:
            self._report("unwatched", f"an instance is watched no longer, restart the plugin: {error!r}")

    async def retire(self) -> None:
        """Let the calls in flight finish within ``limits.drain``, end what is left, and stop every instance."""
        members = self.live
        self._unwatch()
        for member in members:
            member.enter("drain")
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

    # Supervision: one task for each place in the crew.

    async def _watch(self, member: Member | None) -> None:
        backoff = Backoff()
        while member is not None:
            ending = await self._until_end(member)
            member.enter("end")
            self.live = tuple(each for each in self.live if each is not member)
            delay = backoff.lost(time.time() - member.started)
            self._tell("lost", f"an instance {ending}", delay, ending)
            self._changed(self)
            member = await self._replace(backoff, delay)

    async def _until_end(self, member: Member) -> Ending:
        watches = () if self.release.patient else (self._ping, self._end_hung)
        signs = [asyncio.create_task(watch(member)) for watch in watches]
        try:
            return await member.instance.ended()
        finally:
            for sign in signs:
                sign.cancel()

    async def _end_hung(self, member: Member) -> None:
        """Ends an instance that says itself that it can serve nothing any more."""
        self._report("hung", await member.instance.hung())
        await member.instance.stop(HUNG_GRACE)

    async def _ping(self, member: Member) -> None:
        """Ends an instance that gives no sign of life."""
        while True:
            await asyncio.sleep(PING_EVERY)
            try:
                await member.instance.ping(HUNG_AFTER)
            except DeadlineExceeded as error:
                self._report("hung", str(error))
                await member.instance.stop(HUNG_GRACE)
            except WeftError:
                return  # it has ended, which its watcher sees

    async def _replace(self, backoff: Backoff, delay: float | None) -> Member | None:
        while delay is not None:
            await asyncio.sleep(delay)
            try:
                member = await self._start_one()
            except WeftError as error:
                delay = backoff.lost(0.0)
                self._tell("start_failed", str(error), delay, Ending(how="", tail=_tail(error)))
                continue
            self.restarts += 1
            self.live = (*self.live, member)
            self._report("restarted", "an instance was started again")
            self._changed(self)
            return member
        self._given_up += 1
        self._report("gave_up", "an instance was lost too often: deploy another release, or `weft restart` it")
        self._changed(self)
        return None

    def _tell(self, kind: str, message: str, delay: float | None, ending: Ending) -> None:
        """Report a failure with all that is known of it; ``delay``: seconds to the next try, None: there is none."""
        release = self.release
        self._report(
            kind,
            message,
            release=release.number,
            version=release.manifest.version,
            digest=release.digest,
            code=ending.code,
            signal=ending.signal,
            limit=ending.limit.name if ending.limit is not None else None,
            tail=list(ending.tail),
            peak_memory=ending.peak_memory,
            restarts=self.restarts,
            next_try=delay,
        )


def _tail(error: WeftError) -> tuple[str, ...]:
    return last_lines(getattr(error, "traceback", ""))
