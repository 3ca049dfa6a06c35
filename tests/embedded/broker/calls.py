"""Calls of the generated clients that the hand-written ones on top hide or warn about."""

from typing import Any

from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient, types
from google.pubsub_v1 import PublisherClient as GeneratedClient


def publish(client: PublisherClient, topic: str, messages: list[dict[str, Any]]) -> list[str]:
    """One Publish request with all `messages`; their ids."""
    response = GeneratedClient.publish(client, topic=topic, messages=messages)
    return list(response.message_ids)


def pull(
    client: SubscriberClient, subscription: str, most: int = 100, *, timeout: float = 0.5
) -> list[types.ReceivedMessage]:
    """One Pull, waiting a little less than `timeout` seconds for a first message."""
    request = {"subscription": subscription, "max_messages": most}
    return list(client.pull(request=request, timeout=timeout).received_messages)
