"""What an escrow's event does to the book, and the durable list of what was done."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from consumers.wire import SettlementEvent, key_of
from consumers.wire.settlement import DEPLOYED, REFUNDED, RELEASED
from core.settling import Delta

ASSET = "ETH"  # what escrows hold
_TABLE = (
    "CREATE TABLE IF NOT EXISTS settled (key TEXT PRIMARY KEY, user_id TEXT NOT NULL,"
    " asset TEXT NOT NULL, amount TEXT NOT NULL, at TEXT NOT NULL)"
)
_INSERT = "INSERT OR IGNORE INTO settled VALUES (?, ?, ?, ?, ?)"
_FIND = "SELECT key FROM settled WHERE key = ?"


@dataclass(frozen=True, slots=True)
class Settled:
    """One change of an account's collateral, and when the chain saw it."""

    delta: Delta
    at: datetime


def settled_of(event: SettlementEvent) -> Settled | None:
    """Deployed takes the amount from the payer, released gives it to the payee, refunded gives it
    back to the payer; an approval moves nothing."""
    if event.amount is None or not event.amount:
        return None
    match event.event:
        case kind if kind == DEPLOYED:
            user, amount = event.payer, event.amount.copy_negate()
        case kind if kind == RELEASED:
            user, amount = event.payee, event.amount
        case kind if kind == REFUNDED:
            user, amount = event.payer, event.amount
        case _:
            return None
    return Settled(Delta(key_of(event), user, ASSET, amount), event.timestamp)


def load(connection: sqlite3.Connection) -> tuple[Settled, ...]:
    """Everything settled so far; creates the table on first use."""
    connection.execute(_TABLE)
    rows = connection.execute("SELECT key, user_id, asset, amount, at FROM settled ORDER BY rowid")
    return tuple(
        Settled(Delta(key, user, asset, Decimal(amount)), datetime.fromisoformat(at))
        for key, user, asset, amount, at in rows
    )


def known(connection: sqlite3.Connection, keys: Iterable[str]) -> frozenset[str]:
    """Which of these changes are on record; a reader's connection will do."""
    asked = (connection.execute(_FIND, (key,)).fetchone() for key in keys)
    return frozenset(str(row[0]) for row in asked if row is not None)


def save(connection: sqlite3.Connection, settled: Iterable[Settled]) -> None:
    """Write them in the running transaction; one that is there stays as it is."""
    connection.executemany(
        _INSERT,
        [
            (s.delta.key, s.delta.user_id, s.delta.asset, f"{s.delta.amount:f}", s.at.isoformat())
            for s in settled
        ],
    )
