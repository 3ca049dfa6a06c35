"""Which topics and subscriptions there are, provisioned however often."""

from datetime import timedelta

from consumers import topology
from consumers.pubsub import PubSub
from embedded.broker import BrokerProcess


def test_everything_is_provisioned_once(broker: BrokerProcess, project: str) -> None:
    pubsub = PubSub(project, broker.address)
    first = topology.provision(pubsub)
    assert set(topology.TOPICS) < set(first.topics)
    assert set(first.topics) == set(pubsub.topics())
    assert set(first.subscriptions) == set(pubsub.subscriptions())
    assert len(first.topics) == 8
    assert len(first.subscriptions) == 8
    assert topology.provision(pubsub) == topology.Provisioned((), ())
    assert pubsub.topic_subscriptions("settlement.events.v1") == (
        "risk-events-consumer",
        "settlement-events-consumer",
    )
    pubsub.close()


def test_every_dead_letter_topic_has_a_reader(
    broker: BrokerProcess,
    project: str,
) -> None:
    pubsub = PubSub(project, broker.address)
    topology.provision(pubsub)
    for name in topology.PRODUCTION_SUBSCRIPTIONS:
        assert pubsub.topic_subscriptions(f"{name}.dead") == (f"{name}.dead",)
    pubsub.close()


def test_settings_rename_two_subscriptions() -> None:
    names = {spec.name: spec.topic for spec in topology.durable("my-prices", "my-alerts")}
    assert names["my-prices"] == topology.PRICES
    assert names["my-alerts"] == topology.ALERTS
    assert names["my-alerts.dead"] == "my-alerts.dead"
    assert topology.RISK_PRICES not in names


def test_a_replicas_own_subscription_expires_and_keeps_no_dead_letters() -> None:
    spec = topology.ephemeral("prices", topology.PRICES, "a1")
    assert spec.name == "control-room-prices-a1"
    assert spec.expiration == timedelta(days=1) > spec.retention
    assert not spec.dead_letter
    assert spec.name not in topology.PRODUCTION_SUBSCRIPTIONS


def test_a_request_says_what_pubsub_needs_to_know() -> None:
    risk = topology.durable()[0].request("p")
    assert risk["expiration_policy"] == {}  # an empty policy never expires
    assert risk["dead_letter_policy"] == {
        "dead_letter_topic": "projects/p/topics/risk-engine-prices-consumer.dead",
        "max_delivery_attempts": 5,
    }
    assert risk["retry_policy"] == {
        "minimum_backoff": timedelta(seconds=10),
        "maximum_backoff": timedelta(seconds=600),
    }
    own = topology.ephemeral("c", topology.PRICES, "a1").request("p")
    assert own["expiration_policy"] == {"ttl": timedelta(days=1)}
    assert "dead_letter_policy" not in own
    assert "retry_policy" not in own  # what a dead process held comes again at once
