"""Questions to a Pub/Sub server whose answers the documentation gives."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.api_core import exceptions
from google.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

PRICE = '{"type": "record", "name": "Price", "fields": [{"name": "usd", "type": "double"}]}'
QUOTE = '{"type": "record", "name": "Price", "fields": [{"name": "usd", "type": "string"}]}'


class Room:
    """A project of its own on a server, with a topic."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        self.schemas = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=channel))
        self.project = f"projects/probe-{uuid.uuid4().hex[:8]}"
        self.topic = f"{self.project}/topics/prices"
        self.publisher.create_topic(name=self.topic)

    def subscribe(self, name: str = "reader", **settings: Any) -> str:
        """A new subscription; its name."""
        full = f"{self.project}/subscriptions/{name}"
        request = {"name": full, "topic": self.topic, **settings}
        return str(self.subscriber.create_subscription(request=request).name)

    def publish(self, *bodies: bytes, **attributes: str) -> None:
        """One request with these messages."""
        messages = [{"data": body, "attributes": attributes} for body in bodies]
        self.publisher.publish(request={"topic": self.topic, "messages": messages})

    def pull(self, name: str, wanted: int = 1, within_s: float = 2.0) -> list[Any]:
        """Up to `wanted` deliveries, however many pulls it takes."""
        found: list[Any] = []
        end = time.monotonic() + within_s
        while len(found) < wanted and time.monotonic() < end:
            request = {"subscription": name, "max_messages": wanted - len(found)}
            try:
                pulled = self.subscriber.pull(
                    request=request, timeout=max(0.1, end - time.monotonic()), retry=None
                )
            except exceptions.DeadlineExceeded:
                break
            found += pulled.received_messages
        return found

    def settle(self, name: str, body: bytes) -> None:
        """Publish one message, take it and acknowledge it."""
        self.publish(body)
        (first,) = self.pull(name)
        self.subscriber.acknowledge(subscription=name, ack_ids=[first.ack_id])

    def replay(self, name: str) -> str:
        """What comes after a seek to an hour ago."""
        hour_ago = {"seconds": int(time.time()) - 3600}
        self.subscriber.seek(request={"subscription": name, "time": hour_ago})
        return ",".join(each.message.data.decode() for each in self.pull(name))


def keeps_policies(room: Room) -> str:
    """Whether a policy that was set is there."""
    viewers = {"role": "roles/pubsub.viewer", "members": ["allUsers"]}
    policy = {"bindings": [viewers]}
    room.publisher.set_iam_policy(request={"resource": room.topic, "policy": policy})
    kept = room.publisher.get_iam_policy(request={"resource": room.topic})
    return ",".join(binding.role for binding in kept.bindings)


def detaches(room: Room) -> str:
    """What a subscription says after it was detached."""
    name = room.subscribe()
    room.publisher.detach_subscription(request={"subscription": name})
    room.subscriber.pull(subscription=name, max_messages=1, timeout=3)
    return "pulled"


def filters(room: Room) -> str:
    """What comes through a filter."""
    name = room.subscribe(filter='attributes.asset = "ETH"')
    room.publish(b"btc", asset="BTC")
    room.publish(b"eth", asset="ETH")
    return ",".join(each.message.data.decode() for each in room.pull(name, wanted=2))


def refuses_a_bad_filter(room: Room) -> str:
    """Whether a filter that is none is taken."""
    return room.subscribe(filter="attributes.asset === ETH")[-6:]


def backs_off(room: Room) -> str:
    """Whether a nacked message waits for its minimum back-off of 2 s."""
    name = room.subscribe(retry_policy={"minimum_backoff": {"seconds": 2}})
    room.publish(b"again")
    (first,) = room.pull(name)
    request = {"subscription": name, "ack_ids": [first.ack_id], "ack_deadline_seconds": 0}
    room.subscriber.modify_ack_deadline(request=request)
    began = time.monotonic()
    again = room.pull(name, within_s=8)
    waited = time.monotonic() - began
    return f"{len(again)} after the back-off" if waited >= 1.8 else f"at once ({waited:.1f} s)"


def redelivers_a_nack(room: Room) -> str:
    """Whether a nacked message comes again at once without a retry policy."""
    name = room.subscribe()
    room.publish(b"again")
    (first,) = room.pull(name)
    request = {"subscription": name, "ack_ids": [first.ack_id], "ack_deadline_seconds": 0}
    room.subscriber.modify_ack_deadline(request=request)
    return ",".join(each.message.data.decode() for each in room.pull(name))


def refuses_an_incompatible_revision(room: Room) -> str:
    """Whether a schema may change a field's type."""
    parent = room.project
    avro = {"type_": "AVRO", "definition": PRICE}
    name = room.schemas.create_schema(parent=parent, schema=avro, schema_id="price").name
    room.schemas.commit_schema(
        name=name, schema={"name": name, "type_": "AVRO", "definition": QUOTE}
    )
    return "committed"


def validates_messages(room: Room) -> str:
    """Whether a topic with a schema takes what does not fit it."""
    avro = {"type_": "AVRO", "definition": PRICE}
    schema = room.schemas.create_schema(parent=room.project, schema=avro, schema_id="price").name
    settings = {"schema": schema, "encoding": "JSON"}
    room.topic += "-kept"
    room.publisher.create_topic(request={"name": room.topic, "schema_settings": settings})
    room.publish(b'{"usd": 1.5}')
    room.publish(b'{"usd": "much"}')
    return "published"


def refuses_its_own_attributes(room: Room) -> str:
    """Whether a publisher may use attributes that begin with goog."""
    room.publish(b"x", googclient_schemaname="mine")
    return "published"


def refuses_many_attributes(room: Room) -> str:
    """Whether a message may have 101 attributes."""
    room.publish(b"x", **{f"key{number}": "" for number in range(101)})
    return "published"


def refuses_empty_messages(room: Room) -> str:
    """Whether a message may have neither data nor attributes."""
    room.publish(b"")
    return "published"


def refuses_an_empty_mask(room: Room) -> str:
    """Whether an update may name no field."""
    room.publisher.update_topic(request={"topic": {"name": room.topic}, "update_mask": {}})
    return "updated"


def replays(room: Room) -> str:
    """What a subscription that retains acknowledged messages gives after a seek to before."""
    name = room.subscribe(retain_acked_messages=True)
    room.settle(name, b"once")
    return room.replay(name)


def replays_to_later_subscriptions(room: Room) -> str:
    """What a subscription made after publishing gives, where the topic retains messages."""
    room.topic += "-retaining"
    retention = {"message_retention_duration": {"seconds": 3600}}
    room.publisher.create_topic(request={"name": room.topic, **retention})
    room.publish(b"before")
    name = room.subscribe()
    return room.replay(name)


def forgets_what_nobody_retains(room: Room) -> str:
    """What comes again of acknowledged messages that nothing retains."""
    name = room.subscribe()
    room.settle(name, b"once")
    return room.replay(name)


def shows_a_topic_s_retention(room: Room) -> str:
    """What a subscription says of its topic's retention."""
    room.topic += "-retaining"
    retention = {"message_retention_duration": {"seconds": 3600}}
    room.publisher.create_topic(request={"name": room.topic, **retention})
    found = room.subscriber.get_subscription(subscription=room.subscribe())
    return str(found.topic_message_retention_duration.seconds)


def refuses_a_dead_letter_topic_that_is_none(room: Room) -> str:
    """Whether dead letters may go to a topic that does not exist."""
    room.subscribe(dead_letter_policy={"dead_letter_topic": f"{room.topic}-none"})
    return "created"


def refuses_an_upper_case_label(room: Room) -> str:
    """Whether a label may have an upper-case key."""
    room.subscribe(labels={"Team": "risk"})
    return "created"


def refuses_an_unknown_page_token(room: Room) -> str:
    """Whether a list may go on from a token that was never given."""
    request = {"project": room.project, "page_token": "nonsense"}
    return f"{len(list(room.publisher.list_topics(request=request)))} listed"


def refuses_a_long_ordering_key(room: Room) -> str:
    """Whether an ordering key may have 1,025 bytes."""
    message = {"data": b"x", "ordering_key": "k" * 1025}
    room.publisher.publish(request={"topic": room.topic, "messages": [message]})
    return "published"


def refuses_to_expire_before_the_retention(room: Room) -> str:
    """Whether a subscription may expire before its messages do."""
    room.subscribe(expiration_policy={"ttl": {"seconds": 86_400}})
    return "created"


# What the documentation says comes out; a status by its name.
PROBES: dict[Callable[[Room], str], str] = {
    keeps_policies: "roles/pubsub.viewer",
    detaches: "FAILED_PRECONDITION",
    filters: "eth",
    refuses_a_bad_filter: "INVALID_ARGUMENT",
    backs_off: "1 after the back-off",
    redelivers_a_nack: "again",
    refuses_an_incompatible_revision: "INVALID_ARGUMENT",
    validates_messages: "INVALID_ARGUMENT",
    refuses_its_own_attributes: "INVALID_ARGUMENT",
    refuses_many_attributes: "INVALID_ARGUMENT",
    refuses_empty_messages: "INVALID_ARGUMENT",
    refuses_an_empty_mask: "INVALID_ARGUMENT",
    replays: "once",
    replays_to_later_subscriptions: "before",
    forgets_what_nobody_retains: "nothing",
    shows_a_topic_s_retention: "3600",
    refuses_a_dead_letter_topic_that_is_none: "NOT_FOUND",
    refuses_an_upper_case_label: "INVALID_ARGUMENT",
    refuses_an_unknown_page_token: "INVALID_ARGUMENT",
    refuses_a_long_ordering_key: "INVALID_ARGUMENT",
    refuses_to_expire_before_the_retention: "INVALID_ARGUMENT",
}


@dataclass(frozen=True, slots=True)
class Pace:
    """One stream of the default client: messages a second from a backlog, and p50 at 100/s."""

    rate: float
    p50_ms: float


def answers(address: str) -> dict[str, str]:
    """What a server says to each probe, by the probe's name."""
    with grpc.insecure_channel(address) as channel:
        return {probe.__name__: _answer(probe, Room(channel)) for probe in PROBES}


def _answer(probe: Callable[[Room], str], room: Room) -> str:
    try:
        return probe(room) or "nothing"
    except exceptions.GoogleAPICallError as error:
        return str(error.grpc_status_code.name) if error.grpc_status_code else "UNKNOWN"
