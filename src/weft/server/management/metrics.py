"""What Prometheus reads at /metrics, gathered when it asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class PluginSample:
    """One plugin now. ``memory`` in bytes, ``cpu`` in seconds; ``answered`` by status class, as in front.traffic."""

    name: str
    state: str
    release: int
    in_flight: int
    restarts: int
    memory: float
    cpu: float
    websockets: int = 0
    answered: tuple[int, ...] = ()
    refused: int = 0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The server now."""

    connections: int
    plugins: tuple[PluginSample, ...]


class SampleCollector(Collector):
    """Turns a sample into metrics."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        sample = self._sample
        connections = GaugeMetricFamily("weft_front_connections", "Open client connections")
        connections.add_metric([], sample.connections)
        yield connections
        yield _answered(sample.plugins)
        yield _states(sample.plugins)
        yield _counter("weft_plugin_refused", "Requests answered 503 by max_in_flight", sample.plugins, "refused")
        yield _counter("weft_plugin_restarts", "Lost instances that were started anew", sample.plugins, "restarts")
        for name, text, field in (
            ("weft_plugin_in_flight", "Requests in flight", "in_flight"),
            ("weft_plugin_websockets", "Open websockets", "websockets"),
            ("weft_plugin_memory_bytes", "Resident memory of the live instances", "memory"),
            ("weft_plugin_cpu_seconds", "CPU time of the live instances", "cpu"),
            ("weft_plugin_release", "Number of the release that answers", "release"),
        ):
            yield _gauge(name, text, sample.plugins, field)


def _gauge(name: str, text: str, plugins: Iterable[PluginSample], field: str) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["plugin"])
    for plugin in plugins:
        family.add_metric([plugin.name], getattr(plugin, field))
    return family


def _counter(name: str, text: str, plugins: Iterable[PluginSample], field: str) -> Metric:
    family = CounterMetricFamily(name, text, labels=["plugin"])
    for plugin in plugins:
        family.add_metric([plugin.name], getattr(plugin, field))
    return family


def _answered(plugins: Iterable[PluginSample]) -> Metric:
    family = CounterMetricFamily("weft_plugin_requests", "Requests by status class", labels=["plugin", "status"])
    for plugin in plugins:
        for status, count in enumerate(plugin.answered):
            family.add_metric([plugin.name, f"{status}xx" if status else "left"], count)
    return family


def _states(plugins: Iterable[PluginSample]) -> Metric:
    family = GaugeMetricFamily("weft_plugin_state", "1 for the state that the plugin is in", labels=["plugin", "state"])
    for plugin in plugins:
        family.add_metric([plugin.name, plugin.state], 1)
    return family


def render(sample: Sample) -> bytes:
    """The text that Prometheus reads, from a registry of its own: nothing of an embedding program is shown."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SampleCollector(sample))
    return generate_latest(registry)
