"""Topics and subscriptions for a bench, made and filled through Google's generated clients."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import google.cloud.pubsub_v1 as pubsub_v1  # type: ignore[import-untyped]
import grpc

from benchmarks.traffic import TRAFFIC, publish

UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0))


class BrokerClient:
    """One channel to the broker at `address`; a project of its own for each bench."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.channel = grpc.insecure_channel(address, options=UNLIMITED)
        self.publisher = pubsub_v1.PublisherClient(transport=self.transport("Publisher"))
        self.subscriber = pubsub_v1.SubscriberClient(transport=self.transport("Subscriber"))
        self._numbers = itertools.count(1)

    def __enter__(self) -> "BrokerClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def transport(self, kind: str) -> Any:
        """For a client of this kind on our channel."""
        client = getattr(pubsub_v1, f"{kind}Client")
        return client.get_transport_class("grpc")(channel=self.channel)

    @contextlib.contextmanager
    def published(self, topics: Sequence[str], names: Sequence[str], count: int) -> Iterator[str]:
        """A project in which `count` messages a topic wait in each subscription `<topic>.<name>`;
        all of it is deleted at the end.
        """
        project = f"bench-{next(self._numbers)}"
        paths = [f"projects/{project}/topics/{topic}" for topic in topics]
        held = [
            (f"projects/{project}/subscriptions/{topic}.{name}", path)
            for topic, path in zip(topics, paths, strict=True)
            for name in names
        ]
        for path in paths:
            self.publisher.create_topic(name=path)
        for name, path in held:
            self.subscriber.create_subscription(name=name, topic=path)
        for topic, path in zip(topics, paths, strict=True):
            publish(self.publisher.transport, path, TRAFFIC[topic](count))
        try:
            yield project
        finally:
            for name, _ in held:
                self.subscriber.delete_subscription(subscription=name)
            for path in paths:
                self.publisher.delete_topic(topic=path)
