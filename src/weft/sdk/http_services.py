"""A task that is served over HTTP besides: by the driver that its ``http_services`` name."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Sequence

from weft.contracts.supervision import supervised
from weft.contracts.task_context import TaskContext
from weft.errors import StartFailed
from weft.sdk.asgi import Application, AsgiProvider
from weft.sdk.provider import TASK, ContractProvider
from weft.sdk.routes import Execute, asgi

WEB = "web@1"
MARGIN, MOST_MARGIN = 0.1, 1.0
"""What is left of a request's time, as a share and in seconds, when its task is to be done: for the way here and back.

Without it whoever waits would have left before, and the task be cancelled instead of told of its deadline.
"""
GROUP = "weft.http_drivers"
"""Entry points, in the plugin's own environment: further drivers by their names."""
Driver = Callable[[Sequence[Mapping[str, str]], Execute], Application]
"""Makes an ASGI application of routes (each ``route``, ``method``, ``label``) and of what executes the task."""
BUILT_IN: Dict[str, Driver] = {"asgi": asgi, "beego": asgi}
"""``beego`` is what go-plugin's files say."""


class RoutedProvider(ContractProvider):
    """Provides ``web`` with the task's routes, besides its contracts."""

    _web: Any = None

    async def serve(self, services: Mapping[str, Any], seconds: float) -> None:
        """Serve the routes. ``services``: ``driver`` and ``routes``. Raises StartFailed for an unknown driver.

        A request's response must have begun within ``seconds``: the deadline of its context comes a little before.
        """
        driver = find_driver(services["driver"])
        run = self.implementations[TASK].methods["execute"].call

        async def execute(context: TaskContext) -> Any:
            context.begin(seconds - min(seconds * MARGIN, MOST_MARGIN))
            return await supervised(context, run, context, None)

        self._web = AsgiProvider(driver(services["routes"], execute))
        await self._web.start()
        self.methods.update(self._web.methods)

    def facts(self) -> Dict[str, Any]:
        """See ContractProvider."""
        facts = super().facts()
        return {**facts, "provides": [*facts["provides"], WEB]}

    async def stop(self) -> None:
        """See ContractProvider."""
        if self._web is not None:
            await self._web.stop()
        await super().stop()


def find_driver(name: str) -> Driver:
    """The driver of that name. Raises StartFailed, which lists those there are."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    from importlib.metadata import distributions

    points = (point for each in distributions() for point in each.entry_points)
    drivers = {point.name: point for point in points if point.group == GROUP}
    if name not in drivers:
        there = ", ".join(sorted({*BUILT_IN, *drivers}))
        raise StartFailed(f"http_services.driver: there is no driver {name!r} (there are {there})")
    driver: Driver = drivers[name].load()
    return driver
