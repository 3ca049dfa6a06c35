"""What cannot be decoded: kept whole with its reason, then acknowledged. It will not get better."""

from collections.abc import Callable

import structlog

from consumers.clock import Clock
from consumers.feed import Incoming
from consumers.journal import Entry, Journal
from consumers.trace import working_on

log = structlog.get_logger(__name__)

TELL_S = 1.0


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


class Quarantine:
    """The way of what one reader cannot decode; all but `keep` is for the journal's thread."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._told = -TELL_S
        self._untold = 0

    def keep(
        self, incoming: Incoming, reason: str, kept: Callable[[], None] = lambda: None
    ) -> None:
        """Keep the message; it is acknowledged once that is durable, and `kept` is called then."""

        def durable(_new: bool) -> None:
            with working_on(incoming):
                incoming.ack()
                kept()
                self._tell(reason)

        self._journal.quarantine(entry_of(incoming, ""), reason, durable)

    def _tell(self, reason: str) -> None:
        """In the log, a line a second at most: a flood of poison must not become one of lines."""
        self._untold += 1
        moment = self._clock.monotonic()
        if moment - self._told >= TELL_S:
            log.warning("message_quarantined", reason=reason, since_last_line=self._untold)
            self._told, self._untold = moment, 0
