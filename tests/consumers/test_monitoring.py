"""Backlog figures through the real Monitoring client; a missing point is unknown, never zero."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from consumers.clock import SystemClock
from consumers.errors import MonitoringError
from consumers.monitoring import BacklogSource
from consumers.pubsub import PubSub, SubscriptionSpec
from consumers.stream import ack_all
from consumers.wire import Encoded
from embedded.broker import BrokerProcess
from tests.support import eventually

PERIOD = timedelta(seconds=3)


@pytest.fixture
def source(broker: BrokerProcess, project: str) -> Iterator[BacklogSource]:
    made = BacklogSource(project, broker.address, SystemClock())
    yield made
    made.close()


def test_one_poll_tells_the_backlog_of_every_subscription(
    broker: BrokerProcess, project: str, source: BacklogSource
) -> None:
    pubsub = PubSub(project, broker.address)
    pubsub.ensure_topic("prices")
    for name in ("first", "second"):
        pubsub.ensure_subscription(SubscriptionSpec(name, "prices", dead_letter=False))
    publisher = pubsub.publisher()
    for _ in range(4):
        publisher.publish("prices", Encoded(b"x", {})).result(5)
    stream = pubsub.subscribe("first", "prices", ack_all)
    eventually(lambda: (s := source.poll(PERIOD)["first"]).backlog == 0 and s.acked_per_s)
    samples = source.poll(PERIOD)
    assert samples["second"].backlog == 4
    assert samples["second"].oldest_s is not None
    assert samples["second"].oldest_s >= 0
    assert samples["second"].acked_per_s == 0
    assert samples["first"].streams == 1
    assert samples["second"].streams == 0
    stream.close(5)
    publisher.close()
    pubsub.close()


def test_a_project_without_subscriptions_has_no_samples(source: BacklogSource) -> None:
    assert source.poll(PERIOD) == {}


def test_nobody_there_is_an_error_and_not_a_zero() -> None:
    gone = BacklogSource("fusion-local", "127.0.0.1:9", SystemClock())
    with pytest.raises(MonitoringError, match="no backlog figures"):
        gone.poll(PERIOD)
    gone.close()


def test_without_credentials_the_cloud_is_an_error_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", f"{tmp_path}/none.json")
    source = BacklogSource("project", None, SystemClock())
    with pytest.raises(MonitoringError):
        source.poll(PERIOD)
    source.close()
