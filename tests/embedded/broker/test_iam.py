"""Access policies are kept per resource and returned; permissions are all granted."""

import pytest
from google.api_core import exceptions
from google.iam.v1 import policy_pb2
from google.pubsub_v1 import PublisherClient, SubscriberClient

VIEWERS = {"role": "roles/pubsub.viewer", "members": ["group:cloud-logs@google.com"]}
EDITORS = {"role": "roles/pubsub.editor", "members": ["user:eve@example.com", "allUsers"]}


def _roles(policy: policy_pb2.Policy) -> list[str]:
    return [binding.role for binding in policy.bindings]


def test_a_resource_without_a_policy_has_an_empty_one(
    publisher: PublisherClient, topic: str
) -> None:
    policy = publisher.get_iam_policy(request={"resource": topic})
    assert (len(policy.bindings), policy.version, policy.etag) == (0, 0, b"\x00\x20\x01")


def test_a_topic_and_its_subscription_keep_policies_of_their_own(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    publisher.set_iam_policy(
        request={"resource": topic, "policy": {"bindings": [VIEWERS, EDITORS]}}
    )
    subscriber.set_iam_policy(
        request={"resource": subscription, "policy": {"bindings": [EDITORS], "version": 1}}
    )
    assert _roles(publisher.get_iam_policy(request={"resource": topic})) == [
        "roles/pubsub.viewer",
        "roles/pubsub.editor",
    ]
    kept = subscriber.get_iam_policy(request={"resource": subscription})
    assert (_roles(kept), kept.version) == (["roles/pubsub.editor"], 1)
    assert list(kept.bindings[0].members) == EDITORS["members"]


def test_a_policy_read_before_another_change_is_refused(
    publisher: PublisherClient, topic: str
) -> None:
    read = publisher.get_iam_policy(request={"resource": topic})
    read.bindings.add(**VIEWERS)
    written = publisher.set_iam_policy(request={"resource": topic, "policy": read})
    assert written.etag != read.etag
    with pytest.raises(exceptions.Aborted, match="concurrent policy changes"):
        publisher.set_iam_policy(request={"resource": topic, "policy": read})
    publisher.set_iam_policy(request={"resource": topic, "policy": written})


def test_only_the_fields_of_the_mask_change(publisher: PublisherClient, topic: str) -> None:
    publisher.set_iam_policy(request={"resource": topic, "policy": {"bindings": [VIEWERS]}})
    audit = {"service": "pubsub.googleapis.com"}
    request = {
        "resource": topic,
        "policy": {"bindings": [], "audit_configs": [audit]},
        "update_mask": {"paths": ["audit_configs"]},
    }
    changed = publisher.set_iam_policy(request=request)
    assert _roles(changed) == ["roles/pubsub.viewer"]
    assert changed.audit_configs[0].service == "pubsub.googleapis.com"
    with pytest.raises(exceptions.InvalidArgument):
        publisher.set_iam_policy(request=request | {"update_mask": {"paths": ["colour"]}})


def test_a_policy_goes_with_its_resource(publisher: PublisherClient, topic: str) -> None:
    publisher.set_iam_policy(request={"resource": topic, "policy": {"bindings": [VIEWERS]}})
    publisher.delete_topic(topic=topic)
    with pytest.raises(exceptions.NotFound):
        publisher.get_iam_policy(request={"resource": topic})
    with pytest.raises(exceptions.NotFound):
        publisher.set_iam_policy(request={"resource": topic, "policy": {}})
    publisher.create_topic(name=topic)
    assert not publisher.get_iam_policy(request={"resource": topic}).bindings


@pytest.mark.parametrize(
    "policy",
    [
        {"version": 2},
        {"bindings": [{"role": "viewer", "members": ["allUsers"]}]},
        {"bindings": [{"role": "roles/pubsub.viewer", "members": ["eve"]}]},
        {"bindings": [VIEWERS | {"condition": {"expression": "true"}}], "version": 1},
    ],
)
def test_a_malformed_policy_is_refused(
    publisher: PublisherClient, topic: str, policy: dict[str, object]
) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        publisher.set_iam_policy(request={"resource": topic, "policy": policy})


def test_every_permission_asked_for_is_granted_on_what_exists(
    publisher: PublisherClient, topic: str
) -> None:
    asked = ["pubsub.topics.get", "pubsub.topics.publish"]
    request = {"resource": topic, "permissions": asked}
    assert list(publisher.test_iam_permissions(request=request).permissions) == asked
    missing = request | {"resource": f"{topic}-missing"}
    assert not publisher.test_iam_permissions(request=missing).permissions
    for malformed in ({"permissions": ["pubsub.*"]}, {"resource": "projects/pro/lights/red"}):
        with pytest.raises(exceptions.InvalidArgument):
            publisher.test_iam_permissions(request=request | malformed)
