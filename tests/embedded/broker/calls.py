"""Calls of the generated clients that the hand-written ones on top hide or warn about."""

import warnings
from typing import Any

from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient, types
from google.pubsub_v1 import PublisherClient as GeneratedClient


def publish(client: PublisherClient, topic: str, messages: list[dict[str, Any]]) -> list[str]:
    """One Publish request with all `messages`; their ids."""
    response = GeneratedClient.publish(client, topic=topic, messages=messages)
    return list(response.message_ids)


def pull(
    client: SubscriberClient, subscription: str, most: int = 100, *, wait: bool = False
) -> list[types.ReceivedMessage]:
    """One Pull of what is there now; or `wait` for a first message, at most 8 s."""
    request = {
        "subscription": subscription,
        "max_messages": most,
        "return_immediately": not wait,  # deprecated for applications, exact for tests
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return list(client.pull(request=request, timeout=10).received_messages)
