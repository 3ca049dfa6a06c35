"""What goes into the journal, and what it says about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from consumers.tally import Distribution

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
EMPTY = Distribution((), (), 0, 0.0)

COLUMNS = "topic, key, message_id, publish_time, received_at, data, attributes"
Row = tuple[str, str, str, int, int, bytes, bytes]


@dataclass(slots=True)
class Entry:
    """One message as it came, under its business key: (topic, key) is unique.

    Never changed. `publish_time` is the broker's, `received_at` ours.
    """

    topic: str
    key: str
    message_id: str
    publish_time: datetime
    received_at: datetime
    data: bytes
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message that could not be decoded, and why. `size`: the bytes of its data, of which the
    entry has the first that were asked for."""

    entry: Entry
    reason: str
    size: int


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """The journal now. The counts are of this process; `queued` is what waits for a commit.

    While `error` is set nothing is committed, hence nothing acknowledged; it is tried again by
    itself. `set_aside` is a corrupt file found at start, kept for an autopsy. `forgotten`: entries
    that retention deleted, by topic and reason. `file_bytes`, `wal_bytes`: as they lie on disk.
    """

    path: Path
    queued: int
    committed: int
    duplicates: int
    quarantined: int
    last_commit_at: datetime | None
    error: str | None
    sqlite_version: str
    set_aside: Path | None
    file_bytes: int = 0
    wal_bytes: int = 0
    forgotten: Mapping[tuple[str, str], int] = field(default_factory=dict)
    commit_seconds: Distribution = EMPTY
    batch_sizes: Distribution = EMPTY
    over_limit: bool = False  # what must be kept takes more than the file may


def micros(at: datetime) -> int:
    """Microseconds since 1970: exact, and in the order of time."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def row(
    topic: str,
    key: str,
    message_id: str,
    publish_time: datetime,
    received_at: datetime,
    data: bytes,
    attributes: Mapping[str, str],
) -> Row:
    """What an `Entry` of these would be as a row of `COLUMNS`."""
    return (
        topic,
        key,
        message_id,
        micros(publish_time),
        micros(received_at),
        data,
        # Copied: as orjson makes it, it holds on to a kilobyte.
        b"%b" % orjson.dumps(attributes if type(attributes) is dict else dict(attributes)),
    )


def row_of(entry: Entry) -> Row:
    """An entry as a row of `COLUMNS`."""
    return row(
        entry.topic,
        entry.key,
        entry.message_id,
        entry.publish_time,
        entry.received_at,
        entry.data,
        entry.attributes,
    )


def entry_of(row: Row) -> Entry:
    """The entry that `row_of` made the row from."""
    topic, key, message_id, published, received, data, attributes = row
    return Entry(
        topic,
        key,
        message_id,
        EPOCH + published * MICROSECOND,
        EPOCH + received * MICROSECOND,
        data,
        orjson.loads(attributes),
    )
