"""What the process has recorded: an SDK of OpenTelemetry with exporters in memory.

A process has one SDK for good, so that it is set up once, and each test empties it.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

Attributes = Mapping[str, Any]


class RecordedTelemetry:
    """The spans that have ended and the metrics that were counted since it was last emptied."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._metrics = InMemoryMetricReader({Counter: AggregationTemporality.DELTA})
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        trace.set_tracer_provider(tracers)
        metrics.set_meter_provider(MeterProvider([self._metrics]))

    def empty(self) -> None:
        """Forget all."""
        self._spans.clear()
        self._metrics.get_metrics_data()

    def spans(self, prefix: str) -> list[ReadableSpan]:
        """Return the spans whose names begin so, in the order in which they ended."""
        return [span for span in self._spans.get_finished_spans() if span.name.startswith(prefix)]

    def metrics(self) -> dict[str, list[tuple[Attributes, Any]]]:
        """Return the points of every metric of the library since the last call, by the metric's name."""
        found: dict[str, list[tuple[Attributes, Any]]] = {}
        data = self._metrics.get_metrics_data()
        for scope in (scope for resource in data.resource_metrics for scope in resource.scope_metrics) if data else ():
            if scope.scope.name == "durable_agents":
                for metric in scope.metrics:
                    points: Any = metric.data.data_points
                    found[metric.name] = [(dict(point.attributes or {}), point.value) for point in points]
        return found


@cache
def recorded_telemetry() -> RecordedTelemetry:
    """Return what this process records from now on."""
    return RecordedTelemetry()
