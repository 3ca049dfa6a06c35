"""What cannot be decoded: kept whole with its reason, then acknowledged. It will not get better."""

from consumers.feed import Incoming
from consumers.journal import Entry, Journal


def entry_of(incoming: Incoming, key: str) -> Entry:
    """A message as the journal keeps it, under its business key ("" when it has none)."""
    return Entry(
        incoming.topic,
        key,
        incoming.message_id,
        incoming.publish_time,
        incoming.received_at,
        incoming.data,
        incoming.attributes,
    )


def quarantine(journal: Journal, incoming: Incoming, reason: str) -> None:
    """Keep the message in quarantine; it is acknowledged once that is durable."""
    journal.quarantine(entry_of(incoming, ""), reason, lambda _new: incoming.ack())
