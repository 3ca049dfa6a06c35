"""Pub/Sub through the real client: names are short, Google's exceptions stay inside."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from google.api_core import exceptions as api
from google.cloud import pubsub_v1

from consumers import errors
from consumers.pubsub import Incoming, PublishResult, PubSub, SubscriptionSpec
from consumers.stream import each
from consumers.wire import Encoded
from embedded.broker import BrokerProcess
from tests.support import eventually

TOPIC = "market.prices.v1"
MESSAGE = Encoded(b"{}", {"asset_symbol": "ETH"})


@pytest.fixture
def pubsub(broker: BrokerProcess, project: str) -> Iterator[PubSub]:
    pubsub = PubSub(project, broker.address)
    yield pubsub
    pubsub.close()


def test_a_topic_and_a_subscription_are_created_once(pubsub: PubSub) -> None:
    assert pubsub.ensure_topic(TOPIC)
    assert not pubsub.ensure_topic(TOPIC)
    spec = SubscriptionSpec(
        "readers",
        TOPIC,
        dead_letter=False,
        retention=timedelta(hours=12),
        expiration=timedelta(days=1),
    )
    assert pubsub.ensure_subscription(spec)
    assert not pubsub.ensure_subscription(spec)
    assert pubsub.topics() == (TOPIC,)
    assert pubsub.subscriptions() == pubsub.topic_subscriptions(TOPIC) == ("readers",)
    pubsub.delete_subscription("readers")
    assert pubsub.subscriptions() == ()


def test_what_does_not_exist_is_named(pubsub: PubSub) -> None:
    with pytest.raises(errors.NotFoundError, match=r"subscription nobody does not exist"):
        pubsub.delete_subscription("nobody")
    with pytest.raises(errors.NotFoundError, match=r"topic no\.topic does not exist"):
        pubsub.topic_subscriptions("no.topic")
    with pytest.raises(errors.NotFoundError, match=r"topic no\.topic does not exist"):
        pubsub.ensure_subscription(SubscriptionSpec("readers", "no.topic", dead_letter=False))


def test_what_the_broker_will_not_take_is_refused(pubsub: PubSub) -> None:
    with pytest.raises(errors.InvalidRequestError, match="was refused"):
        pubsub.ensure_topic("1")


def test_a_message_goes_out_and_comes_back_whole(pubsub: PubSub) -> None:
    pubsub.ensure_topic(TOPIC)
    pubsub.ensure_subscription(SubscriptionSpec("readers", TOPIC, dead_letter=False))
    got: list[Incoming] = []
    stream = pubsub.subscribe("readers", TOPIC, got.extend)
    publisher = pubsub.publisher()
    results: list[PublishResult] = []
    future = publisher.publish(TOPIC, MESSAGE, results.append)
    message_id = future.result(5)
    eventually(lambda: got and results)
    (incoming,) = got
    assert (incoming.topic, incoming.message_id) == (TOPIC, message_id)
    assert (incoming.data, incoming.attributes) == (MESSAGE.data, MESSAGE.attributes)
    assert timedelta(0) <= incoming.received_at - incoming.publish_time < timedelta(seconds=5)
    assert stream.outstanding == 1
    incoming.ack()
    incoming.nack()  # too late, and ignored
    eventually(lambda: stream.outstanding == 0)
    assert results[0].message_id == message_id
    assert 0 < results[0].seconds < 5
    assert publisher.flush(5)
    assert publisher.counts == {TOPIC: 1}
    assert stream.close(5)
    assert stream.error is None
    publisher.close()


def test_a_ten_megabyte_message_arrives(pubsub: PubSub) -> None:
    pubsub.ensure_topic(TOPIC)
    pubsub.ensure_subscription(SubscriptionSpec("readers", TOPIC, dead_letter=False))
    sizes: list[int] = []

    def handle(incoming: Incoming) -> None:
        sizes.append(len(incoming.data))
        incoming.ack()

    stream = pubsub.subscribe("readers", TOPIC, each(handle))
    publisher = pubsub.publisher()
    publisher.publish(TOPIC, Encoded(b"x" * 9_900_000, {})).result(10)
    publisher.publish(TOPIC, MESSAGE).result(10)
    eventually(lambda: sizes == [9_900_000, 2])
    stream.close(5)
    publisher.close()


def test_messages_of_one_stream_are_handled_in_order_on_one_thread(pubsub: PubSub) -> None:
    pubsub.ensure_topic(TOPIC)
    pubsub.ensure_subscription(SubscriptionSpec("readers", TOPIC, dead_letter=False))
    publisher = pubsub.publisher()
    for n in range(200):
        publisher.publish(TOPIC, Encoded(str(n).encode(), {})).result(5)
    seen: list[tuple[int, int]] = []

    def handle(incoming: Incoming) -> None:
        seen.append((int(incoming.data), threading.get_ident()))
        incoming.ack()

    stream = pubsub.subscribe("readers", TOPIC, each(handle))
    eventually(lambda: len(seen) == 200)
    assert [n for n, _ in seen] == list(range(200))
    assert len({thread for _, thread in seen}) == 1
    stream.close(5)
    publisher.close()


def test_a_failed_publish_is_told_and_counted(pubsub: PubSub) -> None:
    publisher = pubsub.publisher()
    results: list[PublishResult] = []
    with pytest.raises(errors.NotFoundError, match=r"topic no\.topic does not exist"):
        publisher.publish("no.topic", MESSAGE, results.append).result(5)
    with pytest.raises(errors.InvalidRequestError, match="too large"):
        publisher.publish(TOPIC, Encoded(b"x" * 10_000_001, {}), results.append).result(5)
    assert publisher.flush(5)
    assert [result.message_id for result in results] == [None, None]
    assert results[0].error == "topic no.topic does not exist"
    assert publisher.failures == {"no.topic": 1, TOPIC: 1}
    publisher.close()
    publisher.close()
    with pytest.raises(errors.InvalidRequestError):
        publisher.publish(TOPIC, MESSAGE).result(5)


def test_a_callback_that_raises_harms_nobody(pubsub: PubSub) -> None:
    def bad(_result: PublishResult) -> None:
        raise ZeroDivisionError

    pubsub.ensure_topic(TOPIC)
    publisher = pubsub.publisher()
    assert publisher.publish(TOPIC, MESSAGE, bad).result(5)
    assert publisher.publish(TOPIC, MESSAGE).result(5)
    assert publisher.flush(5)
    publisher.close()


def test_a_stream_on_a_missing_subscription_ends_with_its_name(pubsub: PubSub) -> None:
    ended = threading.Event()
    stream = pubsub.subscribe("nobody", TOPIC, lambda _: None)
    stream.when_ended(ended.set)
    assert ended.wait(5)
    assert isinstance(stream.error, errors.NotFoundError)
    assert str(stream.error) == "subscription nobody does not exist"
    stream.close(5)


def test_a_killed_broker_is_noticed_within_five_seconds_and_so_is_its_return() -> None:
    with BrokerProcess() as broker:
        pubsub = PubSub("test", broker.address)
        eventually(lambda: pubsub.connectivity().connected)
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        eventually(lambda: not pubsub.connectivity().connected, timeout=5)
        status = pubsub.connectivity()
        assert status.error == f"broker {broker.address} is unreachable"
        with pytest.raises(errors.BrokerUnreachableError):
            pubsub.topics()
        assert pubsub.connectivity().since == status.since
        broker.start()
        eventually(lambda: pubsub.connectivity().connected, timeout=5)
        assert pubsub.connectivity().since > status.since
        assert pubsub.topics() == ()
        pubsub.close()


def test_a_publish_during_a_broker_restart_succeeds_after_it(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"project": "test", "topics": [{"name": TOPIC}]}))
    with BrokerProcess(seed=seed) as broker:
        pubsub = PubSub("test", broker.address)
        publisher = pubsub.publisher()
        publisher.publish(TOPIC, MESSAGE).result(5)
        broker.stop()
        future = publisher.publish(TOPIC, MESSAGE)
        broker.start()
        assert future.result(10)
        publisher.close()
        pubsub.close()


def test_a_publish_that_finds_no_topic_after_a_restart_fails_and_is_counted() -> None:
    with BrokerProcess() as broker:
        pubsub = PubSub("test", broker.address)
        pubsub.ensure_topic(TOPIC)
        publisher = pubsub.publisher()
        publisher.publish(TOPIC, MESSAGE).result(5)
        broker.stop()
        future = publisher.publish(TOPIC, MESSAGE)
        broker.start()
        with pytest.raises(errors.NotFoundError):
            future.result(10)
        assert publisher.failures == {TOPIC: 1}
        publisher.close()
        pubsub.close()


def test_the_environment_does_not_decide_where_we_connect(
    broker: BrokerProcess,
    project: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for host in ("127.0.0.1:1", None):
        if host is None:
            monkeypatch.delenv("PUBSUB_EMULATOR_HOST")
        else:
            monkeypatch.setenv("PUBSUB_EMULATOR_HOST", host)
        pubsub = PubSub(project, broker.address)
        assert pubsub.topics() == ()
        pubsub.close()


def test_without_credentials_the_cloud_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", f"{tmp_path}/none.json")
    with pytest.raises(errors.CredentialsError):
        PubSub("project", None)


def test_an_error_is_called_what_it_is_and_the_unknown_nothing_in_particular(
    pubsub: PubSub,
) -> None:
    for error, kind in (
        (api.NotFound("gone"), errors.NotFoundError),
        (api.FailedPrecondition("detached"), errors.UnfitError),
        (api.InvalidArgument("odd"), errors.InvalidRequestError),
        (api.Unknown("odd"), errors.BrokerUnreachableError),
        (RuntimeError("odd"), errors.PubSubError),
    ):
        assert type(pubsub._translated(error, "subscription", "readers")) is kind


def test_a_stream_that_cannot_be_opened_leaves_nothing_behind(
    pubsub: PubSub, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[object] = []
    close = pubsub_v1.SubscriberClient.close

    def refuse(*_args: object, **_options: object) -> None:
        raise RuntimeError("can't start new thread")

    def closing(client: pubsub_v1.SubscriberClient) -> None:
        closed.append(client)
        close(client)

    monkeypatch.setattr(pubsub_v1.SubscriberClient, "subscribe", refuse)
    monkeypatch.setattr(pubsub_v1.SubscriberClient, "close", closing)
    with pytest.raises(RuntimeError):
        pubsub.subscribe("readers", TOPIC, each(lambda incoming: incoming.ack()))
    assert len(closed) == 1
    assert "acks-readers" not in {thread.name for thread in threading.enumerate()}


def test_a_subscription_whose_creation_was_answered_too_late_begins_in_the_past_all_the_same(
    pubsub: PubSub, monkeypatch: pytest.MonkeyPatch
) -> None:
    pubsub.ensure_topic(TOPIC, retention=timedelta(hours=1))
    publisher = pubsub.publisher()
    publisher.publish(TOPIC, MESSAGE).result(10)
    publisher.close()
    spec = SubscriptionSpec("late", TOPIC, dead_letter=False, warm_up=timedelta(minutes=10))
    create = pubsub._subscriptions.create_subscription

    def late(*args: object, **options: object) -> None:
        create(*args, **options)
        raise api.DeadlineExceeded("too late")

    with monkeypatch.context() as patched:
        patched.setattr(pubsub._subscriptions, "create_subscription", late)
        with pytest.raises(errors.BrokerUnreachableError):
            pubsub.ensure_subscription(spec)
    assert pubsub.ensure_subscription(spec)
    got: list[bytes] = []

    def handle(incoming: Incoming) -> None:
        got.append(incoming.data)
        incoming.ack()

    stream = pubsub.subscribe("late", TOPIC, each(handle))
    eventually(lambda: got == [MESSAGE.data])
    assert not pubsub.ensure_subscription(spec)  # somebody else's, from now on
    stream.close(5)
