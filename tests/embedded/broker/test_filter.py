"""The filters of subscriptions: what they let through, what is none, and delivery by them."""

from datetime import UTC, datetime

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.pubsub_v1.subscriber.message import Message
from google.pubsub_v1 import types

from embedded.broker.errors import InvalidArgumentError
from embedded.broker.filter import compiled
from embedded.broker.registry import Registry
from tests.embedded.broker.calls import pull
from tests.embedded.broker.doubles import FakeAlarm
from tests.support import FakeClock, eventually

ATTRIBUTES = {
    "asset": "ETH",
    "region": "us-east1",
    "x-y_2": "1",
    "iana.org/language_tag": "en",
    'a"\\b': "back\\slash",
    "み": "A\n",
    "AND": "",
}


@pytest.mark.parametrize(
    "text",
    [
        "attributes:asset",
        "  attributes:asset\t\n",
        "attributes:x-y_2",
        "attributes:AND",
        'attributes:"asset"',
        'attributes:"iana.org/language_tag"',
        'attributes."iana.org/language_tag" = "en"',
        'attributes:"\\u307F"',
        'attributes:"\\U0000307F"',
        'attributes:"a\\"\\\\b"',
        'attributes."a\\"\\\\b" = "back\\\\slash"',
        'attributes."み" = "\\x41\\n"',
        'attributes."み" = "\\101\\012"',
        'attributes.asset = "ETH"',
        'attributes.asset="ETH"',
        'attributes.asset != "BTC"',
        'attributes.missing != "BTC"',
        'attributes.AND = ""',
        'hasPrefix(attributes.region, "us-")',
        'hasPrefix( attributes . "region" ,"")',
        "NOT attributes:missing",
        "-attributes:missing",
        "NOT -attributes:asset",
        'NOT hasPrefix(attributes.missing, "")',
        "attributes:asset AND attributes:region AND attributes:AND",
        "attributes:missing OR attributes:gone OR attributes:asset",
        "attributes:asset AND (attributes:missing OR attributes:region)",
        "(attributes:asset AND attributes:missing) OR attributes:region",
        "NOT (attributes:asset AND attributes:missing)",
        "-(attributes:missing OR attributes:gone) AND NOT attributes:gone",
        "NOT attributes:missing AND attributes:asset",
        "((attributes:asset))",
        "(" * 120 + "attributes:asset" + ")" * 120,
        "-" * 240 + "attributes:asset",
        'attributes:asset OR attributes.asset = "' + "x" * 215 + '"',
    ],
)
def test_it_lets_through_what_fits(text: str) -> None:
    assert compiled(text)(ATTRIBUTES)


@pytest.mark.parametrize(
    "text",
    [
        "attributes:missing",
        "attributes:ASSET",
        'attributes.asset = "eth"',
        'attributes.asset = "ET"',
        'attributes.asset != "ETH"',
        'attributes.missing = ""',
        'hasPrefix(attributes.region, "US")',
        'hasPrefix(attributes.region, "us-east1-b")',
        'hasPrefix(attributes.missing, "")',
        "NOT attributes:asset",
        "-attributes:asset",
        "NOT NOT attributes:missing",
        "attributes:asset AND attributes:missing",
        "attributes:missing OR attributes:gone",
        "NOT attributes:asset AND attributes:asset",
        "(attributes:asset OR attributes:region) AND attributes:missing",
        "NOT (attributes:missing OR attributes:asset)",
    ],
)
def test_it_holds_back_what_does_not(text: str) -> None:
    assert not compiled(text)(ATTRIBUTES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" ", "have attributes, hasPrefix"),
        ("asset", "have attributes"),
        ("attributes", '":" or "."'),
        ("attributes:", "have a key"),
        ("attributes.asset", "have = or !="),
        ("attributes.asset =", "in double quotes at character 19, where the end is"),
        ("attributes.asset = ETH", "in double quotes at character 20, where ETH is"),
        ("attributes.asset = 'ETH'", "character 20"),
        ('attributes.asset == "ETH"', "in double quotes at character 19"),
        ('attributes.asset === "ETH"', "in double quotes"),
        ('attributes.asset > "ETH"', "character 18"),
        ('attributes.asset : "ETH"', "have = or !="),
        ('attributes = "ETH"', '":" or "."'),
        ('attributes:asset = "ETH"', "have AND, OR or the end"),
        ('attributes.a.b = "ETH"', "have = or !="),
        ("attributes:a/b", "character 13"),
        ('attributes.asset = "ETH', "character 20"),
        ('attributes.asset = "\\q"', "known escapes"),
        ('attributes.asset = "\\u12"', "known escapes"),
        ('attributes.asset = "\\uD800"', "known escapes"),
        ('attributes.asset = "\\UFFFFFFFF"', "known escapes"),
        ("attributes:a and attributes:b", "have AND, OR"),
        ("attributes:a attributes:b", "have AND, OR"),
        ("attributes:a && attributes:b", "character 14"),
        ("attributes:a AND", "where the end is"),
        ("AND attributes:a", "where AND is"),
        ("NOT", "where the end is"),
        ("not attributes:a", "where not is"),
        ("(attributes:a", "have ) at"),
        ("attributes:a)", "where ) is"),
        ("()", "where ) is"),
        ("attributes:a AND attributes:b OR attributes:c", "parentheses where AND and OR meet"),
        ("attributes:a OR attributes:b AND attributes:c", "parentheses where AND and OR meet"),
        ("(attributes:a OR attributes:b AND attributes:c)", "parentheses where AND and OR meet"),
        ("hasPrefix(attributes.a)", "have ,"),
        ("hasPrefix(attributes:a, 'x')", "character"),
        ('hasPrefix(attributes:a, "x")', "have ."),
        ('hasPrefix(attributes.a, "x"', "have )"),
        ('hasprefix(attributes.a, "x")', "where hasprefix is"),
        ('data = "x"', "where data is"),
        ("attributes:a\x00", "character 13"),
        ("attributes:" + "a" * 246, "257. It must be at most 256 bytes"),
        ('attributes:"' + "み" * 82 + '"', "259. It must be at most 256 bytes"),
    ],
)
def test_it_refuses_what_is_none_and_says_why(text: str, said: str) -> None:
    with pytest.raises(InvalidArgumentError, match="Invalid filter") as refused:
        compiled(text)
    assert said in str(refused.value)


def test_a_subscription_gets_only_what_its_filter_lets_through(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, project: str
) -> None:
    name = f"projects/{project}/subscriptions/us-eth"
    wanted = 'attributes.asset = "ETH" AND NOT hasPrefix(attributes.region, "eu-")'
    request = {"name": name, "topic": topic, "filter": wanted, "retain_acked_messages": True}
    subscriber.create_subscription(request=request)
    everything = f"projects/{project}/subscriptions/everything"
    subscriber.create_subscription(name=everything, topic=topic)
    start = datetime.now(UTC)
    for data, attributes in (
        (b"1", {"asset": "ETH", "region": "us-east1"}),
        (b"2", {"asset": "ETH", "region": "eu-west1"}),
        (b"3", {"asset": "BTC"}),
        (b"4", {}),
        (b"5", {"asset": "ETH"}),
    ):
        publisher.publish(topic, data, **attributes).result(5)
    received: list[bytes] = []

    def hear(message: Message) -> None:
        received.append(message.data)
        message.ack()

    stream = subscriber.subscribe(name, hear)
    eventually(lambda: received == [b"1", b"5"])
    stream.cancel()
    stream.result(5)
    assert len(pull(subscriber, everything)) == 5
    eventually(lambda: pull(subscriber, name) == [])
    subscriber.seek(request={"subscription": name, "time": start})
    assert [each.message.data for each in pull(subscriber, name)] == [b"1", b"5"]


def test_what_does_not_fit_is_no_backlog() -> None:
    registry = Registry(clock=FakeClock(), alarm=FakeAlarm)
    topic, name = "projects/pro/topics/prices", "projects/pro/subscriptions/eth"
    registry.create_topic(types.Topic.pb()(name=topic))
    delivery = registry.create_subscription(
        types.Subscription.pb()(name=name, topic=topic, filter='attributes.asset = "ETH"')
    ).delivery
    for asset in ("BTC", "ETH", "SOL"):
        messages = [{"attributes": {"asset": asset}}] * 2
        registry.publish(types.PublishRequest.pb()(topic=topic, messages=messages))
    assert delivery.backlog == 2
    registry.seek(name, 0)
    assert delivery.backlog == 2
    assert delivery.counts.acknowledged.total == 0


def test_a_filter_that_is_none_is_refused_and_nothing_is_created(
    subscriber: SubscriberClient, topic: str, project: str
) -> None:
    name = f"projects/{project}/subscriptions/reader"
    request = {"name": name, "topic": topic, "filter": "attributes.asset === ETH"}
    with pytest.raises(exceptions.InvalidArgument, match="Invalid filter: attributes"):
        subscriber.create_subscription(request=request)
    with pytest.raises(exceptions.NotFound):
        subscriber.get_subscription(subscription=name)


def test_a_filter_stays_as_it_was_created(
    subscriber: SubscriberClient, topic: str, project: str
) -> None:
    name = f"projects/{project}/subscriptions/reader"
    request = {"name": name, "topic": topic, "filter": "attributes:asset"}
    subscriber.create_subscription(request=request)
    change = {"name": name, "filter": "attributes:region"}
    with pytest.raises(exceptions.InvalidArgument):
        subscriber.update_subscription(subscription=change, update_mask={"paths": ["filter"]})
    assert subscriber.get_subscription(subscription=name).filter == "attributes:asset"
