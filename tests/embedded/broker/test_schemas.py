"""Schemas and their revisions, and topics whose messages hold to one."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import fastavro
import grpc
import pytest
from google.api_core import exceptions
from google.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport

from embedded.broker import BrokerProcess

PRICE: dict[str, Any] = {
    "type": "record",
    "name": "Price",
    "fields": [{"name": "asset", "type": "string"}, {"name": "usd", "type": "double"}],
}
NOTE = {"name": "note", "type": ["null", "string"], "default": None}
ETH = b'{"asset": "ETH", "usd": 1.5}'
ETH_NOTED = b'{"asset": "ETH", "usd": 1.5, "note": {"string": "late"}}'


def _avro(definition: Any) -> dict[str, Any]:
    return {"type_": "AVRO", "definition": json.dumps(definition)}


def _with(*fields: dict[str, Any]) -> dict[str, Any]:
    return PRICE | {"fields": [*PRICE["fields"], *fields]}


@pytest.fixture
def schemas(broker: BrokerProcess) -> Iterator[SchemaServiceClient]:
    with grpc.insecure_channel(broker.address) as channel:
        yield SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=channel))


@pytest.fixture
def price(schemas: SchemaServiceClient, project: str) -> str:
    """The name of a schema of one revision, PRICE."""
    request = {"parent": f"projects/{project}", "schema": _avro(PRICE), "schema_id": "price"}
    return schemas.create_schema(request=request).name


@pytest.fixture
def keeps(
    publisher: PublisherClient, subscriber: SubscriberClient, project: str, price: str
) -> Callable[..., str]:
    """Makes a topic that holds to `price`, with a subscription of the same id; its name."""

    def make(**settings: Any) -> str:
        name = f"projects/{project}/topics/kept"
        settings = {"schema": price, "encoding": "JSON"} | settings
        publisher.create_topic(request={"name": name, "schema_settings": settings})
        subscriber.create_subscription(name=f"projects/{project}/subscriptions/kept", topic=name)
        return name

    return make


def test_a_schema_is_created_once_found_listed_and_deleted(
    schemas: SchemaServiceClient, project: str, price: str
) -> None:
    parent = f"projects/{project}"
    assert json.loads(schemas.get_schema(name=price).definition) == PRICE
    assert not schemas.get_schema(request={"name": price, "view": "BASIC"}).definition
    listed = list(schemas.list_schemas(parent=parent))
    assert [(each.name, each.definition) for each in listed] == [(price, "")]
    with pytest.raises(exceptions.AlreadyExists):
        schemas.create_schema(parent=parent, schema=_avro(PRICE), schema_id="price")
    schemas.delete_schema(name=price)
    for gone in (schemas.get_schema, schemas.delete_schema):
        with pytest.raises(exceptions.NotFound):
            gone(name=price)


@pytest.mark.parametrize(
    "definition",
    [
        "",
        "{",
        '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "colour"}]}',
        '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "default": "x"}]}',
    ],
)
def test_what_is_no_avro_definition_is_refused(
    schemas: SchemaServiceClient, project: str, definition: str
) -> None:
    schema = {"type_": "AVRO", "definition": definition}
    with pytest.raises(exceptions.InvalidArgument, match="Avro schema definition"):
        schemas.validate_schema(parent=f"projects/{project}", schema=schema)


def test_a_protobuf_schema_is_kept_and_its_messages_checked(
    schemas: SchemaServiceClient, project: str
) -> None:
    parent = f"projects/{project}"
    definition = 'syntax = "proto3"; message Price { string asset = 1; double usd = 2; }'
    proto = {"type_": "PROTOCOL_BUFFER", "definition": definition}
    name = schemas.create_schema(parent=parent, schema=proto, schema_id="proto").name
    request = {"parent": parent, "name": name}
    schemas.validate_message(request=request | {"encoding": "JSON", "message": ETH})
    schemas.validate_message(request=request | {"encoding": "BINARY", "message": b"\n\x03ETH"})
    with pytest.raises(exceptions.InvalidArgument, match="failed schema validation"):
        schemas.validate_message(request=request | {"encoding": "JSON", "message": b'{"eur": 1}'})
    with pytest.raises(exceptions.InvalidArgument, match="stay what it was"):
        schemas.commit_schema(name=name, schema=_avro(PRICE))


def test_revisions_are_committed_rolled_back_and_deleted(
    schemas: SchemaServiceClient, price: str
) -> None:
    first = schemas.get_schema(name=price).revision_id
    second = schemas.commit_schema(name=price, schema=_avro(_with(NOTE))).revision_id
    third = schemas.rollback_schema(name=price, revision_id=first)
    assert json.loads(third.definition) == PRICE
    listed = [each.revision_id for each in schemas.list_schema_revisions(name=price)]
    assert listed == [third.revision_id, second, first]
    schemas.delete_schema_revision(request={"name": f"{price}@{second}"})
    with pytest.raises(exceptions.NotFound):
        schemas.get_schema(name=f"{price}@{second}")
    assert schemas.get_schema(name=f"{price}@{first}").revision_id == first
    schemas.delete_schema_revision(request={"name": f"{price}@{first}"})
    with pytest.raises(exceptions.InvalidArgument, match="only revision"):
        schemas.delete_schema_revision(request={"name": f"{price}@{third.revision_id}"})


def test_a_schema_has_at_most_twenty_revisions(schemas: SchemaServiceClient, price: str) -> None:
    for _ in range(19):
        schemas.commit_schema(name=price, schema=_avro(PRICE))
    with pytest.raises(exceptions.InvalidArgument, match="at most 20"):
        schemas.commit_schema(name=price, schema=_avro(PRICE))


@pytest.mark.parametrize(
    "definition",
    [
        _with({"name": "venue", "type": "string"}),
        PRICE | {"fields": PRICE["fields"][:1]},
        PRICE | {"fields": [PRICE["fields"][0], {"name": "usd", "type": "string"}]},
        PRICE | {"name": "Quote"},
    ],
    ids=["a field without default", "a field less", "another type", "another name"],
)
def test_a_revision_that_does_not_fit_the_one_before_is_refused(
    schemas: SchemaServiceClient, price: str, definition: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="fit the one before"):
        schemas.commit_schema(name=price, schema=_avro(definition))


@pytest.mark.parametrize(
    "message",
    [
        b'{"asset": "ETH"}',
        b'{"asset": 1, "usd": 1.5}',
        b'{"asset": "ETH", "usd": NaN}',
        b"{",
        b"",
        ETH + ETH,
    ],
)
def test_a_message_that_does_not_fit_is_refused(
    schemas: SchemaServiceClient, project: str, price: str, message: bytes
) -> None:
    request = {"parent": f"projects/{project}", "name": price, "encoding": "JSON"}
    schemas.validate_message(request=request | {"message": ETH})
    with pytest.raises(exceptions.InvalidArgument, match="failed schema validation"):
        schemas.validate_message(request=request | {"message": message})


def test_a_binary_message_fits_to_the_last_byte(schemas: SchemaServiceClient, project: str) -> None:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(PRICE), {"asset": "ETH", "usd": 1.5})
    request = {"parent": f"projects/{project}", "schema": _avro(PRICE), "encoding": "BINARY"}
    schemas.validate_message(request=request | {"message": buffer.getvalue()})
    for other in (buffer.getvalue()[:-1], buffer.getvalue() + b"!"):
        with pytest.raises(exceptions.InvalidArgument, match="binary encoding"):
            schemas.validate_message(request=request | {"message": other})


def test_a_field_with_a_default_must_still_be_written(
    schemas: SchemaServiceClient, project: str
) -> None:
    request = {"parent": f"projects/{project}", "schema": _avro(_with(NOTE)), "encoding": "JSON"}
    schemas.validate_message(request=request | {"message": ETH_NOTED})
    with pytest.raises(exceptions.InvalidArgument):
        schemas.validate_message(request=request | {"message": ETH})


def test_what_a_topic_takes_says_which_revision_it_fits(
    publisher: PublisherClient,
    subscriber: SubscriberClient,
    schemas: SchemaServiceClient,
    project: str,
    price: str,
    keeps: Callable[..., str],
) -> None:
    topic, first = keeps(), schemas.get_schema(name=price).revision_id
    second = schemas.commit_schema(name=price, schema=_avro(_with(NOTE))).revision_id
    publisher.publish(topic, ETH, origin="oracle").result(5)
    publisher.publish(topic, ETH_NOTED).result(5)
    with pytest.raises(exceptions.InvalidArgument, match="failed schema validation"):
        publisher.publish(topic, b"{}").result(5)
    name = f"projects/{project}/subscriptions/kept"
    pulled = subscriber.pull(subscription=name, max_messages=10).received_messages
    stamps = [dict(each.message.attributes) for each in pulled]
    expected = {"googclient_schemaname": price, "googclient_schemaencoding": "JSON"}
    assert stamps == [
        expected | {"googclient_schemarevisionid": first, "origin": "oracle"},
        expected | {"googclient_schemarevisionid": second},
    ]


def test_a_topic_takes_only_the_revisions_in_its_bounds(
    publisher: PublisherClient,
    schemas: SchemaServiceClient,
    price: str,
    keeps: Callable[..., str],
) -> None:
    first = schemas.get_schema(name=price).revision_id
    second = schemas.commit_schema(name=price, schema=_avro(_with(NOTE))).revision_id
    topic = keeps(first_revision_id=second, last_revision_id=second)
    with pytest.raises(exceptions.InvalidArgument):
        publisher.publish(topic, ETH).result(5)
    publisher.update_topic(
        request={
            "topic": {"name": topic, "schema_settings": {"first_revision_id": first}},
            "update_mask": {"paths": ["schema_settings.first_revision_id"]},
        }
    )
    publisher.publish(topic, ETH).result(5)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"schema": "projects/pro/schemas/missing"}, exceptions.NotFound),
        ({"encoding": "ENCODING_UNSPECIFIED"}, exceptions.InvalidArgument),
        ({"first_revision_id": "deadbeef"}, exceptions.NotFound),
    ],
)
def test_a_topic_cannot_hold_to_what_is_not_there(
    keeps: Callable[..., str], settings: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        keeps(**settings)


def test_a_topic_of_a_deleted_schema_takes_nothing(
    publisher: PublisherClient,
    schemas: SchemaServiceClient,
    price: str,
    keeps: Callable[..., str],
) -> None:
    topic = keeps()
    schemas.delete_schema(name=price)
    assert publisher.get_topic(topic=topic).schema_settings.schema == "_deleted-schema_"
    with pytest.raises(exceptions.NotFound, match="_deleted-schema_"):
        publisher.publish(topic, ETH).result(5)


def test_a_schema_keeps_a_policy(schemas: SchemaServiceClient, price: str) -> None:
    viewers = {"role": "roles/pubsub.viewer", "members": ["allUsers"]}
    schemas.set_iam_policy(request={"resource": price, "policy": {"bindings": [viewers]}})
    kept = schemas.get_iam_policy(request={"resource": price})
    assert [binding.role for binding in kept.bindings] == ["roles/pubsub.viewer"]
