"""Telemetry of the app to a collector: `start --otlp [URL]`. On Azure the worker sets that up, and so no app does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from devhost.app_settings import SettingsError

LOCAL_COLLECTOR = "http://localhost:4318"
_FLUSH_SECONDS = 3


def export_to(url: str, app_root: Path) -> Callable[[], None]:
    """Send what this process records from now on to a collector, by OTLP over HTTP; return what sends the rest.

    Call it before the app is loaded: the first SDK of a process stays.

    Raises:
        SettingsError: The exporter is not installed.
    """
    try:
        from opentelemetry import metrics, trace
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as ex:
        raise SettingsError(
            f"--otlp needs {ex.name}: start by python3 dev.py start, or install devhost/requirements-otlp.txt."
        ) from ex
    resource = Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME") or app_root.name})
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/v1/traces")))
    trace.set_tracer_provider(tracers)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{url}/v1/metrics"))
    meters = MeterProvider([reader], resource=resource)
    metrics.set_meter_provider(meters)

    def flush() -> None:
        # Not for as long as an exporter would try to reach a collector that is gone.
        sending = Thread(target=lambda: (tracers.force_flush(), meters.force_flush()), daemon=True)
        sending.start()
        sending.join(_FLUSH_SECONDS)

    return flush
