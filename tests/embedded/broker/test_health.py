"""The five criteria of delivery health, each over ten minutes."""

from collections.abc import Iterator

import pytest

from embedded.broker.health import CRITERIA
from tests.embedded.broker.hour import Hour, hour, value

SCORE = "subscription/delivery_latency_health_score"


@pytest.fixture
def made() -> Iterator[Hour]:
    with hour() as made:
        yield made


def score(made: Hour) -> dict[str, bool]:
    """What holds now."""
    return {
        series.metric.labels["criteria"]: value(series.points[0].value)
        for series in made.series(SCORE, 60)
    }


def broken(made: Hour) -> set[str]:
    found = score(made)
    assert found.keys() == CRITERIA.keys()
    return {criterion for criterion, holds in found.items() if not holds}


def serve(made: Hour) -> None:
    """Somebody is there who takes and acknowledges."""
    made.publish(1)
    made.ack(made.take(100))


def test_who_takes_and_acknowledges_in_time_is_healthy(made: Hour) -> None:
    serve(made)
    assert broken(made) == set()


def test_nobody_there_is_no_capacity(made: Hour) -> None:
    assert broken(made) == {"utilization"}
    serve(made)
    made.broker.advance(61)
    assert broken(made) == {"utilization"}


def test_messages_that_waited_for_half_a_minute_had_no_capacity_for_ten_minutes(
    made: Hour,
) -> None:
    made.publish(1)
    made.broker.advance(29)
    made.ack(made.take(1))
    assert broken(made) == set()
    made.publish(1)
    made.broker.advance(2)
    made.ack(made.take(1))
    assert broken(made) == {"utilization"}
    made.broker.advance(600)
    serve(made)
    assert broken(made) == set()


@pytest.mark.parametrize("criterion", ["nack_requests", "seek_requests", "expired_ack_deadlines"])
def test_once_is_enough_for_ten_minutes(made: Hour, criterion: str) -> None:
    made.publish(1)
    if criterion == "nack_requests":
        made.nack(made.take(1))
    elif criterion == "seek_requests":
        made.subscriber.seek(
            request={"subscription": made.subscription, "time": made.broker.clock.now()}
        )
    else:
        made.take(1)
        made.broker.advance(11)
    made.ack(made.take(1) or ["none"])
    assert broken(made) == {criterion}
    made.broker.advance(590 if criterion == "expired_ack_deadlines" else 599)
    serve(made)
    assert criterion in broken(made)
    made.broker.advance(12)
    serve(made)
    assert broken(made) == set()


@pytest.mark.parametrize(("slow", "holds"), [(1, True), (2, False)])
def test_one_ack_of_a_thousand_may_take_longer_than_half_a_minute(
    made: Hour, slow: int, holds: bool
) -> None:
    made.subscriber.update_subscription(
        request={
            "subscription": {"name": made.subscription, "ack_deadline_seconds": 60},
            "update_mask": {"paths": ["ack_deadline_seconds"]},
        }
    )
    made.publish(1000)
    ack_ids = made.take(1000)
    made.ack(ack_ids[slow:])
    made.broker.advance(31)
    made.ack(ack_ids[:slow])
    assert score(made)["ack_latency"] is holds


def test_an_hour_ago_is_told_as_it_was_then(made: Hour) -> None:
    made.publish(1)
    made.nack(made.take(1))
    made.ack(made.take(1))
    for _ in range(20):
        made.broker.advance(60)
    (series,) = made.series(f'{SCORE}" AND metric.labels.criteria = "nack_requests')
    assert [point.value.bool_value for point in reversed(series.points)][:12] == [
        *[False] * 9,
        *[True] * 3,
    ]
