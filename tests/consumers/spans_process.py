"""Publishes one message and receives it with spans on; says what spans there were, as JSON.

`python -m tests.consumers.spans_process ADDRESS PROJECT`. A process of its own: a tracer provider
can be set once.
"""

import json
import sys
import threading

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from consumers.pubsub import Incoming, PubSub, SubscriptionSpec
from consumers.stream import each
from consumers.trace import trace_id
from consumers.wire import Encoded


def main(address: str, project: str) -> None:
    """Out and back."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    pubsub = PubSub(project, address, traced=True)
    pubsub.ensure_topic("spans")
    pubsub.ensure_subscription(SubscriptionSpec("spans-reader", "spans", dead_letter=False))
    named: list[str] = []
    came = threading.Event()

    def handle(incoming: Incoming) -> None:
        named.append(trace_id(incoming))
        incoming.ack()
        came.set()

    stream = pubsub.subscribe("spans-reader", "spans", each(handle))
    publisher = pubsub.publisher()
    publisher.publish("spans", Encoded(b"x", {})).result(10)
    assert came.wait(10)
    assert stream.drain(5)
    stream.close(5)
    publisher.close()
    pubsub.close()
    found = [
        (span.name, f"{span.context.trace_id:032x}", span.end_time is not None)
        for span in spans.get_finished_spans()
    ]
    sys.stdout.write(json.dumps({"named": named, "spans": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
