"""What may be asked of a topic and a subscription: defaults, bounds and update masks.

Bounds of the reference of `google.pubsub.v1`:
https://docs.cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from embedded.broker import names
from embedded.broker.errors import InvalidArgumentError
from embedded.broker.policy import DeliveryPolicy

MINUTE, DAY = 60, 86_400
# https://docs.cloud.google.com/pubsub/docs/create-topic#requirements_for_labels
_LABEL_KEY = re.compile(r"[^\W\d_A-Z][\w-]{0,62}")
_LABEL_VALUE = re.compile(r"[\w-]{0,63}")
_MOST_LABELS = 64
TOPIC_FIELDS = frozenset(
    {
        "labels",
        "message_storage_policy",
        "kms_key_name",
        "schema_settings",
        "message_retention_duration",
        "ingestion_data_source_settings",
        "message_transforms",
    }
)
SUBSCRIPTION_FIELDS = frozenset(
    {
        "push_config",
        "bigquery_config",
        "cloud_storage_config",
        "ack_deadline_seconds",
        "retain_acked_messages",
        "message_retention_duration",
        "labels",
        "expiration_policy",
        "dead_letter_policy",
        "retry_policy",
        "enable_exactly_once_delivery",
        "message_transforms",
    }
)
SNAPSHOT_FIELDS = frozenset({"labels", "expire_time"})


def seconds(duration: Any) -> float:
    """A protobuf Duration, or a Timestamp since 1970, in seconds."""
    return float(duration.seconds) + float(duration.nanos) / 1e9


def merged(settings: Any, changes: Any, paths: Sequence[str], allowed: Collection[str]) -> Any:
    """A copy of `settings` with the fields `paths` as `changes` has them.

    A path may lead into a field: "schema_settings.first_revision_id".
    """
    if not paths:
        raise InvalidArgumentError("The update_mask in the request must not be empty.")
    result = type(settings)()
    result.CopyFrom(settings)
    for path in paths:
        if path.partition(".")[0] not in allowed:
            raise InvalidArgumentError("update_mask", path, "name fields that can be changed")
        _take_over(result, changes, path)
    return result


def _take_over(target: Any, source: Any, path: str) -> None:
    """Make the field `path` of `target` what it is in `source`."""
    *parents, leaf = path.split(".")
    for parent in parents:
        field = target.DESCRIPTOR.fields_by_name.get(parent)
        if field is None or field.message_type is None or field.is_repeated:
            raise InvalidArgumentError("update_mask", path, "name fields that can be changed")
        target, source = getattr(target, parent), getattr(source, parent)
    if leaf not in target.DESCRIPTOR.fields_by_name:
        raise InvalidArgumentError("update_mask", path, "name fields that can be changed")
    target.ClearField(leaf)
    chosen = type(source)()
    chosen.CopyFrom(source)
    for other in chosen.DESCRIPTOR.fields:
        if other.name != leaf:
            chosen.ClearField(other.name)
    target.MergeFrom(chosen)


def completed_topic(topic: Any) -> Any:
    """`topic` checked and with the broker's own fields set."""
    names.check(topic.name, "topics")
    check_labels(topic.labels)
    if topic.HasField("message_retention_duration"):
        _within("message_retention_duration", seconds(topic.message_retention_duration), 600, 31)
    topic.state = 1  # ACTIVE
    return topic


def completed_subscription(subscription: Any) -> Any:
    """`subscription` checked and with defaults filled in, as Pub/Sub returns it."""
    names.check(subscription.name, "subscriptions")
    check_labels(subscription.labels)
    _check_destination(subscription)
    deadline = subscription.ack_deadline_seconds or 10
    if not 10 <= deadline <= 600:
        raise InvalidArgumentError("ack_deadline_seconds", deadline, "be from 10 to 600")
    subscription.ack_deadline_seconds = deadline
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.seconds = 7 * DAY
    _within("message_retention_duration", seconds(subscription.message_retention_duration), 600, 31)
    _complete_expiration(subscription)
    if subscription.HasField("dead_letter_policy"):
        _complete_dead_letter(subscription.dead_letter_policy)
    if subscription.HasField("retry_policy"):
        _complete_retry(subscription.retry_policy)
    subscription.state = 1  # ACTIVE
    return subscription


def check_labels(labels: Mapping[str, str]) -> None:
    """Labels of a topic, a subscription or a snapshot."""
    if len(labels) > _MOST_LABELS:
        raise InvalidArgumentError("number of labels", len(labels), f"be at most {_MOST_LABELS}")
    for key, value in labels.items():
        lower = (key + value).lower() == key + value
        if not (lower and _LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value)):
            raise InvalidArgumentError(
                "label",
                f"{key[:64]!r}: {value[:64]!r}",
                "be of lower-case letters, digits, _ and -, at most 63 each, the key from a letter",
            )


def delivery_policy(subscription: Any) -> DeliveryPolicy:
    """What delivery needs to know of a completed subscription."""
    retry = subscription.retry_policy if subscription.HasField("retry_policy") else None
    dead_letter = subscription.HasField("dead_letter_policy")
    return DeliveryPolicy(
        ack_deadline_s=float(subscription.ack_deadline_seconds),
        # Unacknowledged messages stay as long as either keeps them.
        retention_s=max(
            seconds(subscription.message_retention_duration),
            seconds(subscription.topic_message_retention_duration),
        ),
        min_backoff_s=None if retry is None else seconds(retry.minimum_backoff),
        max_backoff_s=600.0 if retry is None else seconds(retry.maximum_backoff),
        max_attempts=subscription.dead_letter_policy.max_delivery_attempts if dead_letter else None,
        ordered=subscription.enable_message_ordering,
        exactly_once=subscription.enable_exactly_once_delivery,
    )


def check_stream_deadline(deadline: int) -> None:
    """`stream_ack_deadline_seconds` of a StreamingPull."""
    if not 10 <= deadline <= 600:
        raise InvalidArgumentError("stream_ack_deadline_seconds", deadline, "be from 10 to 600")


def check_extension(deadline: int) -> None:
    """`ack_deadline_seconds` of a ModifyAckDeadline."""
    if not 0 <= deadline <= 600:
        raise InvalidArgumentError("ack_deadline_seconds", deadline, "be from 0 to 600")


def _within(field: str, value: float, least: float, days: int) -> None:
    if not least <= value <= days * DAY:
        bounds = f"be from {least:g} s to {days} days"
        raise InvalidArgumentError(field, f"{value:g} s", bounds)


def _check_destination(subscription: Any) -> None:
    """Messages go one way: to who pulls, a push endpoint, BigQuery or Cloud Storage."""
    pushed = bool(subscription.push_config.push_endpoint)
    ways = pushed + sum(
        subscription.HasField(field) for field in ("bigquery_config", "cloud_storage_config")
    )
    if ways > 1:
        raise InvalidArgumentError(
            "At most one of push_config, bigquery_config and cloud_storage_config may be set."
        )
    if ways and subscription.enable_exactly_once_delivery:
        raise InvalidArgumentError("Exactly-once delivery is for pull subscriptions only.")


def _complete_expiration(subscription: Any) -> None:
    if not subscription.HasField("expiration_policy"):
        subscription.expiration_policy.ttl.seconds = 31 * DAY
        return
    if subscription.expiration_policy.HasField("ttl"):
        ttl = seconds(subscription.expiration_policy.ttl)
        _within("expiration_policy.ttl", ttl, DAY, 365)
        if ttl < seconds(subscription.message_retention_duration):
            must = "not be shorter than message_retention_duration"
            raise InvalidArgumentError("expiration_policy.ttl", f"{ttl:g} s", must)


def _complete_dead_letter(policy: Any) -> None:
    names.check(policy.dead_letter_topic, "topics")
    policy.max_delivery_attempts = policy.max_delivery_attempts or 5
    if not 5 <= policy.max_delivery_attempts <= 100:
        attempts = policy.max_delivery_attempts
        raise InvalidArgumentError("max_delivery_attempts", attempts, "be from 5 to 100")


def _complete_retry(policy: Any) -> None:
    if not policy.HasField("minimum_backoff"):
        policy.minimum_backoff.seconds = 10
    if not policy.HasField("maximum_backoff"):
        policy.maximum_backoff.seconds = 600
    least, most = seconds(policy.minimum_backoff), seconds(policy.maximum_backoff)
    if not 0 <= least <= most <= 600:
        value = f"back-off from {least:g} s to {most:g} s"
        raise InvalidArgumentError("retry_policy", value, "rise, from 0 s to 600 s")
