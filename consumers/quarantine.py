"""What cannot be decoded: kept whole with its reason, then acknowledged. It will not get better."""

from consumers.feed import Incoming
from consumers.journal import Entry, Journal


def entry_of(incoming: Incoming, key: str) -> Entry:
    """A message as the journal keeps it, under its business key ("" when it has none)."""
    return Entry(
        topic=incoming.topic,
        key=key,
        message_id=incoming.message_id,
        publish_time=incoming.publish_time,
        received_at=incoming.received_at,
        data=incoming.data,
        attributes=incoming.attributes,
    )


def quarantine(journal: Journal, incoming: Incoming, reason: str) -> None:
    """Keep the message in quarantine; it is acknowledged once that is durable."""
    journal.quarantine(entry_of(incoming, ""), reason, lambda _new: incoming.ack())
