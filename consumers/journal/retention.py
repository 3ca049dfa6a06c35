"""What is forgotten, and when: small chunks, so that no writer ever waits long."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta

from consumers.clock import Clock
from consumers.journal.values import micros

CHUNK = 500  # 5,000 would pause the writer for 130 ms
PERIOD_S = 30.0
BUSY_PERIOD_S = 0.1


class Retention:
    """Which topic is due next. Used by the writer's thread alone."""

    def __init__(self, keep: Mapping[str, timedelta], clock: Clock) -> None:
        self._keep = keep
        self._clock = clock
        self._next = dict.fromkeys(keep, clock.monotonic())

    def due(self) -> tuple[str, datetime] | None:
        """A topic to be pruned now, and the time before which its entries go."""
        moment = self._clock.monotonic()
        for topic, at in self._next.items():
            if at <= moment:
                return topic, self._clock.now() - self._keep[topic]
        return None

    def deleted(self, topic: str, count: int) -> None:
        """A full chunk means that there is more."""
        wait = BUSY_PERIOD_S if count >= CHUNK else PERIOD_S
        self._next[topic] = self._clock.monotonic() + wait


def delete_oldest(connection: sqlite3.Connection, topic: str, horizon: datetime, chunk: int) -> int:
    """Delete those of a topic's `chunk` oldest entries that came before `horizon`; how many.

    Looks at no more than `chunk` rows, whatever the size of the table.
    """
    cursor = connection.execute(
        "DELETE FROM events WHERE seq IN (SELECT seq FROM (SELECT seq, received_at FROM events"
        " WHERE topic = ? ORDER BY seq LIMIT ?) WHERE received_at < ?)",
        (topic, chunk, micros(horizon)),
    )
    return cursor.rowcount
