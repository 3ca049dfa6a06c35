"""Delivery health: whether a subscription can be expected to deliver without delay.

Five criteria over the last ten minutes, as Google documents them:
https://docs.cloud.google.com/pubsub/docs/monitoring#delivery_latency_health . Each is 0 when there
was any seek; any nack; any expired deadline; when the 99.9th percentile of the ack latency is over
30 s; when utilization is not "consistently low". Google says of the last only that there must be
enough streams, or pulls, to take new messages, and gives no figure. Here it is healthy when
somebody is there (an open stream, or a pull in the last minute) and messages did not wait for a
subscriber with room for more than `STARVED_S` of the ten minutes.
"""

from collections.abc import Callable, Mapping

from embedded.broker.subscription import Subscription

WINDOW_S = 600.0
STARVED_S = 30.0
_PULLED_S = 60.0
_SLOW_SHARE = 0.001  # more acks than this over 30 s, and the 99.9th percentile is


def _quick(subscription: Subscription, now: float) -> int:
    counts, since = subscription.delivery.counts, now - WINDOW_S
    slow, every = counts.slow.between(since, now), counts.acknowledged.between(since, now)
    return int(slow <= every * _SLOW_SHARE)


def _in_time(subscription: Subscription, now: float) -> int:
    return int(not subscription.delivery.counts.expired.between(now - WINDOW_S, now))


def _kept(subscription: Subscription, now: float) -> int:
    return int(not subscription.delivery.counts.nacked.between(now - WINDOW_S, now))


def _straight(subscription: Subscription, now: float) -> int:
    return int(not subscription.delivery.counts.requests.between("seek", now - WINDOW_S, now))


def _at_ease(subscription: Subscription, now: float) -> int:
    delivery = subscription.delivery
    counts = delivery.counts
    counts.starve(delivery.starved)
    somebody = delivery.takers.present or counts.requests.between("pull", now - _PULLED_S, now)
    return int(bool(somebody) and counts.starved_s(now - WINDOW_S, now) <= STARVED_S)


CRITERIA: Mapping[str, Callable[[Subscription, float], int]] = {
    "ack_latency": _quick,
    "expired_ack_deadlines": _in_time,
    "nack_requests": _kept,
    "seek_requests": _straight,
    "utilization": _at_ease,
}
