"""Who did what: one record before every act and every refusal, each carrying the hash of the last.

The chain shows whether a record was altered, removed or put in between.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from consumers.clock import Clock
from consumers.journal import Journal

TABLE = """
CREATE TABLE IF NOT EXISTS audit (
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL,
  action TEXT NOT NULL, target TEXT NOT NULL, params TEXT NOT NULL, result TEXT NOT NULL,
  previous TEXT NOT NULL, hash TEXT NOT NULL)
"""
GENESIS = "0" * 64
TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the trail; `params` is the SHA-256 of what was asked."""

    seq: int
    at: str
    who: str
    role: str
    action: str
    target: str
    params: str
    result: str
    previous: str
    hash: str


class AuditTrail:
    """Append-only, in the journal's file; written by the journal's one writer."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    def prepare(self) -> None:
        """Make the table; the journal must run."""
        self._journal.execute(lambda db: db.execute(TABLE)).result(TIMEOUT_S)

    def record(
        self,
        *,
        who: str,
        role: str,
        action: str,
        target: str,
        params: Mapping[str, object],
        result: str,
    ) -> AuditRecord:
        """Write one record and return once it is durable; raises JournalError when it is not."""
        at = self._clock.now().isoformat()
        digest = hashlib.sha256(orjson.dumps(params, option=orjson.OPT_SORT_KEYS)).hexdigest()

        def append(db: sqlite3.Connection) -> AuditRecord:
            last = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
            seq, previous = (1, GENESIS) if last is None else (last[0] + 1, last[1])
            fields = (seq, at, who, role, action, target, digest, result, previous)
            record = AuditRecord(*fields, _chain(fields))
            db.execute(
                "INSERT INTO audit VALUES (?,?,?,?,?,?,?,?,?,?)",
                (*fields, record.hash),
            )
            return record

        return self._journal.execute(append).result(TIMEOUT_S)

    def newest(self, limit: int = 100) -> tuple[AuditRecord, ...]:
        """The newest records, newest first."""
        with self._journal.reader() as db:
            rows = db.execute("SELECT * FROM audit ORDER BY seq DESC LIMIT ?", (limit,)).fetchall()
        return tuple(AuditRecord(*row) for row in rows)

    def faults(self) -> Iterator[str]:
        """Every place where the chain does not hold, in words."""
        with self._journal.reader() as db:
            rows = db.execute("SELECT * FROM audit ORDER BY seq").fetchall()
        previous, expected = GENESIS, 1
        for row in rows:
            record = AuditRecord(*row)
            if record.seq != expected:
                yield f"record {expected} is missing"
            if record.previous != previous:
                yield f"record {record.seq} does not follow the one before it"
            if record.hash != _chain(row[:-1]):
                yield f"record {record.seq} was altered"
            previous, expected = record.hash, record.seq + 1


def _chain(fields: tuple[object, ...]) -> str:
    return hashlib.sha256(orjson.dumps(fields)).hexdigest()
