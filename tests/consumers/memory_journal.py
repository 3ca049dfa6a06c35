"""A journal in memory: the same promises, kept at once and on the caller's thread."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from consumers.journal import Entry, Kept, Row
from consumers.journal.values import entry_of


@dataclass
class MemoryJournal:
    """Takes each (topic, key) once, and each undecodable message once."""

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    refused: dict[tuple[str, str], tuple[Entry, str]] = field(default_factory=dict)

    def append(self, entry: Entry, done: Callable[[bool], None]) -> None:
        """As the journal's."""
        new = (entry.topic, entry.key) not in self.entries
        self.entries.setdefault((entry.topic, entry.key), entry)
        done(new)

    def append_all(self, rows: Sequence[Row], done: Callable[[Sequence[Kept]], None]) -> None:
        """As the journal's."""
        kept: list[bool] = []
        for each in rows:
            self.append(entry_of(each), kept.append)
        done(kept)

    def quarantine(self, entry: Entry, reason: str, done: Callable[[bool], None]) -> None:
        """As the journal's."""
        new = (entry.topic, entry.message_id) not in self.refused
        self.refused.setdefault((entry.topic, entry.message_id), (entry, reason))
        done(new)

    def replay(self, topic: str, newest: int | None = None) -> Iterator[Entry]:
        """As the journal's."""
        found = [each for (of, _), each in self.entries.items() if of == topic]
        return iter(found if newest is None else found[len(found) - min(newest, len(found)) :])

    def sampled(
        self,
        topic: str,
        since: datetime,
        every: timedelta,
        series: Callable[[str], str],
        newest: int,
    ) -> Iterator[Entry]:
        """Nothing: all is among the newest."""
        del topic, since, every, series, newest
        return iter(())
