"""The metrics of a subscription that count what happens."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from embedded.broker.counts import SUCCESS, TakerCounts
from embedded.broker.metrics import (
    DELIVERY_TYPE,
    OPERATION,
    RESPONSE,
    RESPONSE_CODE,
    Count,
    Labels,
    Metric,
    ValueType,
    response,
)
from embedded.broker.subscription import Subscription
from embedded.broker.subscription_gauges import TAKERS, taker
from embedded.broker.tally import Spread, Tally

Counts = Callable[[Subscription], Iterable[Count]]


def _by_taker(choose: Callable[[TakerCounts], Tally | Spread]) -> Counts:
    """A series for what was pulled and one for what was streamed."""

    def counts(subscription: Subscription) -> list[Count]:
        return [
            Count(choose(taker(subscription, each)), {"delivery_type": each}) for each in TAKERS
        ]

    return counts


def _acknowledged(subscription: Subscription) -> Iterator[Count]:
    yield from _by_taker(lambda counts: counts.acknowledged)(subscription)
    if subscription.settings.filter:
        yield Count(subscription.delivery.counts.filtered, {"delivery_type": "filter"})


def _cost(subscription: Subscription) -> Iterator[Count]:
    for each in TAKERS:
        yield _done(taker(subscription, each).bytes, each)
    if subscription.settings.filter:
        yield _done(subscription.delivery.counts.filtered_bytes, "filter_drop")


def _done(tally: Tally, operation: str, code: str = SUCCESS) -> Count:
    return Count(tally, {"operation_type": operation, "response_code": code})


def _warnings(subscription: Subscription) -> Iterator[Count]:
    yield Count(subscription.delivery.counts.exactly_once_warnings)


def _dead_lettered(subscription: Subscription) -> Iterator[Count]:
    yield Count(subscription.delivery.counts.dead_lettered, {"response_code": SUCCESS})


def _requests(operation: str, subscription: Subscription) -> Iterator[Count]:
    for code, tally in subscription.delivery.counts.requests.of(operation):
        yield Count(tally, response(code))


def _seeks(subscription: Subscription) -> Iterator[Count]:
    for code, tally in subscription.delivery.counts.requests.of("seek"):
        yield Count(tally, {"response_code": code})


def _changes(subscription: Subscription) -> Iterator[Count]:
    for operation in ("create", "update", "modify_push_config"):
        for code, tally in subscription.delivery.counts.requests.of(operation):
            yield _done(tally, operation, code)


def _delta(
    name: str,
    title: str,
    hidden_s: int,
    about: str,
    labels: Labels,
    counts: Counts,
    *,
    unit: str = "1",
    value_type: ValueType = ValueType.INT64,
) -> Metric[Subscription]:
    return Metric(
        f"subscription/{name}",
        title,
        unit,
        hidden_s,
        about,
        value_type,
        labels=labels,
        counts=counts,
    )


def _answered(
    name: str, title: str, hidden_s: int, about: str, operation: str
) -> Metric[Subscription]:
    return _delta(name, title, hidden_s, about, RESPONSE, partial(_requests, operation))


COUNTS: tuple[Metric[Subscription], ...] = (
    _delta(
        "sent_message_count",
        "Sent message count",
        181,
        "Messages sent to subscribers, redeliveries included.",
        DELIVERY_TYPE,
        _by_taker(lambda counts: counts.sent),
    ),
    _delta(
        "ack_message_count",
        "Ack message count",
        181,
        "Messages acknowledged; those a filter holds back acknowledge themselves.",
        {"delivery_type": "pull, streaming_pull or filter"},
        _acknowledged,
    ),
    _delta(
        "ack_latencies",
        "Ack latency",
        240,
        "Time from the sending of a message to its acknowledgement.",
        DELIVERY_TYPE,
        _by_taker(lambda counts: counts.ack_latency),
        unit="ms",
        value_type=ValueType.DISTRIBUTION,
    ),
    _delta(
        "mod_ack_deadline_message_count",
        "Mod ack deadline message count",
        240,
        "Messages whose deadline was moved.",
        DELIVERY_TYPE,
        _by_taker(lambda counts: counts.extended),
    ),
    _delta(
        "mod_ack_latencies",
        "ModAck latency",
        240,
        "Time from the sending of a message to each moving of its deadline.",
        DELIVERY_TYPE,
        _by_taker(lambda counts: counts.extension_latency),
        unit="ms",
        value_type=ValueType.DISTRIBUTION,
    ),
    _delta(
        "expired_ack_deadlines_count",
        "Expired ack deadlines count",
        240,
        "Messages not acknowledged before their deadline.",
        DELIVERY_TYPE,
        _by_taker(lambda counts: counts.expired),
    ),
    _delta(
        "dead_letter_message_count",
        "Dead letter message count",
        240,
        "Messages forwarded to the dead letter topic.",
        RESPONSE_CODE,
        _dead_lettered,
    ),
    _delta(
        "exactly_once_warning_count",
        "Exactly once delivery warning",
        240,
        "Acknowledgements and extensions that may have failed.",
        {},
        _warnings,
    ),
    _delta(
        "byte_cost",
        "Subscription byte cost",
        240,
        "Bytes delivered, at least 1,000 a response, and those a filter held back.",
        {**OPERATION, **RESPONSE_CODE},
        _cost,
        unit="By",
    ),
    _delta("seek_request_count", "Seek requests", 240, "Seeks.", RESPONSE_CODE, _seeks),
    _delta(
        "config_updates_count",
        "Subscription configuration operations",
        240,
        "Changes of the subscription.",
        {**OPERATION, **RESPONSE_CODE},
        _changes,
    ),
    _answered("pull_request_count", "Pull requests", 120, "Pull requests.", "pull"),
    _answered(
        "pull_ack_request_count", "Acknowledge requests", 181, "Acknowledge requests.", "ack"
    ),
    _answered(
        "mod_ack_deadline_request_count",
        "ModifyAckDeadline requests",
        120,
        "ModifyAckDeadline requests.",
        "modify",
    ),
    _answered(
        "streaming_pull_response_count",
        "StreamingPull responses",
        181,
        "Responses with messages on streams.",
        "streaming_response",
    ),
    _answered(
        "streaming_pull_ack_request_count",
        "StreamingPull Acknowledge requests",
        120,
        "Requests on streams with acknowledgements.",
        "streaming_ack",
    ),
    _answered(
        "streaming_pull_mod_ack_deadline_request_count",
        "StreamingPull ModifyAckDeadline requests",
        120,
        "Requests on streams that move deadlines.",
        "streaming_modify",
    ),
)
