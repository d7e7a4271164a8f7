"""One place of a crew: its instance is watched, and started again when it is lost, with patience that ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from weft.engine.backoff import Backoff
from weft.engine.member import Member
from weft.errors import DeadlineExceeded, WeftError
from weft.runtimes.launch import Ending, last_lines
from weft.settings import SupervisionSettings

IDLE_PAUSES = 6
"""Of an instance without calls a sign of life is asked so many times less often."""
HUNG_GRACE = 0.1
"""Seconds that an instance that hangs has to shut down."""


class Place:
    """``member``: the instance in it, None while there is none. ``failure``: what happened to the last one.

    ``start()`` starts an instance; ``changed(place)`` is told when ``member`` has changed, or no more is tried;
    ``report(kind, message, **data)`` of what happens. ``watched``: whether signs of life are asked.
    """

    def __init__(
        self,
        member: Member,
        policy: SupervisionSettings,
        *,
        start: Callable[[], Awaitable[Member]],
        changed: Callable[[Place], None],
        settled: Callable[[], None],
        report: Callable[..., None],
        watched: bool,
    ) -> None:
        self.member: Member | None = member
        self.restarts = 0
        self.quarantined = False
        self.failure: Mapping[str, Any] = {}
        self._policy = policy
        self._start = start
        self._changed = changed
        self._settled = settled
        self._report = report
        self._watched = watched
        self._backoff = Backoff(policy)
        self._delay: float | None = None
        self._failed_at = 0.0
        self._hung = False

    @property
    def next_try(self) -> float | None:
        """Seconds until an instance is started here; None where one is, or none will be."""
        if self.member is not None or self._delay is None:
            return None
        return max(0.0, self._delay - (time.monotonic() - self._failed_at))

    async def keep(self) -> None:
        """See to it that there is an instance, until that is given up."""
        while self.member is not None:
            await self._lose(self.member)
            while self.member is None and self._delay is not None:
                await asyncio.sleep(self._delay)
                await self._refill()
        self.quarantined = True
        self._changed(self)

    async def _lose(self, member: Member) -> None:
        ending = await self._until_end(member)
        member.enter("end")
        self.member = None
        cause = "hang" if self._hung else ending.cause
        if self._hung:
            ending = replace(ending, how=f"hung and {ending.how}")
        self._fail("lost", cause, f"an instance {ending}", member.age, ending)
        self._changed(self)

    async def _refill(self) -> None:
        try:
            member = await self._start()
        except WeftError as error:
            _heed_cancellation()
            ending = Ending(how="", tail=last_lines(getattr(error, "traceback", "")))
            self._fail("start_failed", "start", str(error), 0.0, ending)
            return
        try:
            _heed_cancellation()
        except asyncio.CancelledError:
            await member.instance.stop(0.0)
            raise
        self.member = member
        self.restarts += 1
        self._report("restarted", "an instance was started again", restarts=self.restarts)
        self._changed(self)

    def _fail(self, kind: str, cause: str, what: str, lived: float, ending: Ending) -> None:
        self._delay = delay = self._backoff.failed(lived)
        self._failed_at = time.monotonic()
        again = "" if delay is None else f"; the next start is in {delay:g} s"
        self.failure = {"cause": cause, **ending.data(), "message": what}
        self._report(
            kind, what + again, cause=cause, **ending.data(), lived=round(lived, 3), next_try=delay,
        )  # fmt: skip

    # What its instance does meanwhile.

    async def _until_end(self, member: Member) -> Ending:
        self._hung = False
        watches = (self._end_silent, self._end_stuck, self._settle) if self._watched else ()
        signs = [asyncio.create_task(watch(member)) for watch in watches]
        try:
            return await member.instance.ended()
        finally:
            for sign in signs:
                sign.cancel()

    async def _settle(self, _member: Member) -> None:
        await asyncio.sleep(self._policy.healthy_after)
        self._settled()

    async def _end_stuck(self, member: Member) -> None:
        """Ends an instance that says itself that it can serve nothing any more."""
        await self._end(member, await member.instance.hung())

    async def _end_silent(self, member: Member) -> None:
        """Ends an instance that gives no sign of life: sooner, where calls wait for it."""
        policy = self._policy
        patience = min(policy.ping_every, policy.hung_in_call, policy.hung_after)
        try:
            while True:
                called = await self._pause(member)
                silence = 0.0  # counted, not measured: the host itself may have stood still
                while not await _answers(member, patience):
                    silence += patience
                    called = called or member.in_flight > 0
                    if silence >= (policy.hung_in_call if called else policy.hung_after):
                        while_called = ", while calls waited for it" if called else ""
                        await self._end(member, f"it gave no sign of life for {silence:.3g} s{while_called}")
        except WeftError:
            return  # it has ended, which its place sees

    async def _pause(self, member: Member) -> bool:
        """Wait until a sign of life is to be asked; returns whether a call is in flight."""
        for _ in range(IDLE_PAUSES):
            await asyncio.sleep(self._policy.ping_every)
            if member.in_flight:
                return True
        return False

    async def _end(self, member: Member, why: str) -> None:
        self._hung = True
        self._report("hung", f"an instance hangs and is ended: {why}", pid=member.pid)
        await member.instance.stop(HUNG_GRACE)


async def _answers(member: Member, seconds: float) -> bool:
    """Whether it gives a sign of life within so many seconds. Raises InstanceLost."""
    try:
        await member.instance.ping(seconds)
    except DeadlineExceeded:
        return False
    return True


def _heed_cancellation() -> None:
    """Raises CancelledError where this task was cancelled: what it waited for may have ended at the same moment.

    Python 3.11's asyncio.wait_for then returns, as if nothing had been asked.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
