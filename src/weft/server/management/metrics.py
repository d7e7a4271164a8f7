"""What Prometheus reads at /metrics, gathered when it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from weft.server.figures import PluginFigures
from weft.server.front.latency import cumulative

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class PluginSample:
    """One plugin now. ``latency`` and ``seconds`` as in front.traffic.Traffic; ``answered`` by status class."""

    name: str
    state: str
    release: int
    figures: PluginFigures
    answered: Sequence[int] = ()
    latency: Sequence[int] = ()
    seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The server now."""

    connections: int
    plugins: tuple[PluginSample, ...]


Values = Callable[[PluginSample], Iterable[tuple[Sequence[str], float]]]
"""Of one plugin, the values of a metric, each with those labels that come after the plugin's name."""


class Family(NamedTuple):
    """One metric of plugins, its name without ``weft_plugin_`` and, of a counter, without ``_total``."""

    kind: type[GaugeMetricFamily | CounterMetricFamily]
    name: str
    text: str
    values: Values
    labels: Sequence[str] = ()


def _one(value: Callable[[PluginSample], float]) -> Values:
    return lambda plugin: (((), value(plugin)),)


def _known(value: Callable[[PluginSample], float]) -> Values:
    """Zero is what nobody tells: there is no value then."""
    return lambda plugin: (((), found),) if (found := value(plugin)) else ()


def _each(values: Callable[[PluginSample], Mapping[str, int]]) -> Values:
    return lambda plugin: (((label,), value) for label, value in values(plugin).items())


def _by_class(plugin: PluginSample) -> dict[str, int]:
    return {f"{number}xx" if number else "left": count for number, count in enumerate(plugin.answered)}


def _level(plugin: PluginSample) -> dict[str, int]:
    return {plugin.figures.sandbox: 1} if plugin.figures.sandbox else {}


_COUNTER, _GAUGE = CounterMetricFamily, GaugeMetricFamily
FAMILIES = (
    Family(_COUNTER, "requests", "Requests by status class; left: by their client", _each(_by_class), ["status"]),
    Family(_COUNTER, "request_errors", "Requests that failed", _each(lambda it: it.figures.errors), ["reason"]),
    Family(_COUNTER, "received_bytes", "Request bodies and websocket messages", _one(lambda it: it.bytes_in)),
    Family(_COUNTER, "sent_bytes", "Response bodies and websocket messages", _one(lambda it: it.bytes_out)),
    Family(
        _COUNTER, "calls", "Calls by contract, but for those between inline plugins", _one(lambda it: it.figures.calls)
    ),
    Family(_COUNTER, "call_errors", "Calls by contract that failed", _one(lambda it: it.figures.call_errors)),
    Family(_COUNTER, "restarts", "Lost instances that were started again", _one(lambda it: it.figures.restarts)),
    Family(_COUNTER, "limit_hits", "How often it ran into a limit", _each(lambda it: it.figures.limits), ["limit"]),
    Family(_COUNTER, "cpu_seconds", "CPU time of all its processes", _one(lambda it: it.figures.cpu)),
    Family(_GAUGE, "memory_bytes", "All its processes, shared pages by share", _known(lambda it: it.figures.memory)),
    Family(_GAUGE, "processes", "Its processes", _known(lambda it: it.figures.processes)),
    Family(_GAUGE, "disk_bytes", "Its data folder, where that is known", _known(lambda it: it.figures.disk)),
    Family(_GAUGE, "instances", "Those that drain too", _one(lambda it: len(it.figures.instances))),
    Family(_GAUGE, "in_flight", "Requests and calls in flight", _one(lambda it: it.figures.in_flight)),
    Family(_GAUGE, "websockets", "Open websockets", _one(lambda it: it.figures.websockets)),
    Family(_GAUGE, "release", "Number of the release that answers", _one(lambda it: it.release)),
    Family(_GAUGE, "state", "1 for the state that it is in", _each(lambda it: {it.state: 1}), ["state"]),
    Family(_GAUGE, "sandbox", "1 for the level that was reached", _each(_level), ["level"]),
)
"""All but the histogram of latencies."""


class SampleCollector(Collector):
    """Turns a sample into metrics."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        connections = GaugeMetricFamily("weft_front_connections", "Open client connections")
        connections.add_metric([], self._sample.connections)
        yield connections
        yield self._latencies()
        for family in FAMILIES:
            metric = family.kind(f"weft_plugin_{family.name}", family.text, labels=["plugin", *family.labels])
            for plugin in self._sample.plugins:
                for labels, value in family.values(plugin):
                    metric.add_metric([plugin.name, *labels], value)
            yield metric

    def _latencies(self) -> Metric:
        """Of those plugins that were asked something: the others' buckets would be most of the text."""
        text = "From the whole request to the start of the plugin's answer"
        metric = HistogramMetricFamily("weft_plugin_latency_seconds", text, labels=["plugin"])
        for plugin in self._sample.plugins:
            if any(plugin.latency):
                metric.add_metric([plugin.name], list(cumulative(plugin.latency)), plugin.seconds)
        return metric


def render(sample: Sample) -> bytes:
    """The text that Prometheus reads, from a registry of its own: nothing of an embedding program is shown."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SampleCollector(sample))
    return generate_latest(registry)
