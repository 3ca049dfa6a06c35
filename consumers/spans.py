"""OpenTelemetry, when it is switched on: where the Pub/Sub client's spans go.

The client makes the spans itself, from a publish to the acknowledgement in another process. Nothing
of this is imported while it is off; the exporter comes with the extra `otel`.
"""

import threading

from consumers.settings import Settings, SettingsError

MISSING = "FUSION_OTEL=true: the exporter is not installed; pip install 'fusion-control-room[otel]'"

END_S = 1.0


def export_spans(settings: Settings, service: str) -> None:
    """Send this process' spans to the OTLP endpoint of the settings, until the process ends.

    Raises SettingsError when the extra is not installed. Does nothing while it is off.
    """
    if not settings.otel:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise SettingsError((MISSING,)) from error
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    exporter = OTLPSpanExporter(endpoint=f"{settings.otel_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def end_spans(settings: Settings) -> None:
    """Send what has not been sent, within a second, and no more: for the end of the process.

    One that a signal ends has no later, and from one that ends by itself the exporter would take
    half a minute while the endpoint does not answer.
    """
    if not settings.otel:
        return
    from opentelemetry import trace

    shutdown = getattr(trace.get_tracer_provider(), "shutdown", None)
    if shutdown is None:  # nobody exports
        return
    ending = threading.Thread(target=shutdown, name="spans", daemon=True)
    ending.start()
    ending.join(END_S)
