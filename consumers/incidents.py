"""The risk engine's state on disk: open incidents, the prices and the changes of positions they
rest on, how far it got."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from consumers import progress, settled
from consumers.settled import Settled
from consumers.stores.values import AssetPrice, Received
from core.alerts import Incident
from core.policy import Status

NAME = "risk-engine"
_TABLES = (
    "CREATE TABLE IF NOT EXISTS incidents (user_id TEXT PRIMARY KEY, opened_at TEXT NOT NULL,"
    " status TEXT NOT NULL, sequence INTEGER NOT NULL, last_alert_at TEXT NOT NULL,"
    " last_score TEXT)",
    "CREATE TABLE IF NOT EXISTS engine_prices (asset TEXT PRIMARY KEY, price TEXT NOT NULL,"
    " as_of TEXT NOT NULL, timestamp TEXT NOT NULL, source TEXT NOT NULL, message_id TEXT NOT NULL,"
    " publish_time TEXT NOT NULL, received_at TEXT NOT NULL, cadence_s REAL NOT NULL,"
    " ticks INTEGER NOT NULL)",
)
_INCIDENT = "INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?, ?)"
_PRICE = "INSERT OR REPLACE INTO engine_prices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Reached:
    """The last round taken in, the market's time then, and whether that time is a replay's."""

    round: int | None
    market_time: datetime
    replay: bool


@dataclass(frozen=True, slots=True)
class EngineState:
    """Everything the risk engine must know to go on as if it had never stopped."""

    incidents: Mapping[str, Incident]
    prices: Mapping[str, AssetPrice]
    reached: Reached | None
    settled: tuple[Settled, ...] = ()


def load(connection: sqlite3.Connection) -> EngineState:
    """What the last commit left; creates the tables on first use."""
    for table in _TABLES:
        connection.execute(table)
    progress.prepare(connection)
    incidents = [_incident(row) for row in connection.execute("SELECT * FROM incidents")]
    prices = [_price(row) for row in connection.execute("SELECT * FROM engine_prices")]
    row = connection.execute("SELECT reached FROM progress WHERE worker = ?", (NAME,)).fetchone()
    return EngineState(
        {one.user_id: one for one in incidents},
        {one.asset: one for one in prices},
        None if row is None else _reached(row[0]),
        settled.load(connection),
    )


def save(
    connection: sqlite3.Connection,
    incidents: Mapping[str, Incident | None],
    prices: Mapping[str, AssetPrice | None],
    reached: Reached,
) -> None:
    """Write what changed, in the running transaction; an incident of None is closed, a
    price of None forgotten.
    """
    closed = [(user,) for user, incident in incidents.items() if incident is None]
    connection.executemany("DELETE FROM incidents WHERE user_id = ?", closed)
    connection.executemany(
        _INCIDENT, [_incident_row(one) for one in incidents.values() if one is not None]
    )
    gone = [(asset,) for asset, price in prices.items() if price is None]
    connection.executemany("DELETE FROM engine_prices WHERE asset = ?", gone)
    connection.executemany(_PRICE, [_price_row(one) for one in prices.values() if one is not None])
    text = {
        "round": reached.round,
        "market_time": reached.market_time.isoformat(),
        "replay": reached.replay,
    }
    progress.record(connection, NAME, orjson.dumps(text).decode())


def _reached(text: str) -> Reached:
    kept = orjson.loads(text)
    return Reached(kept["round"], datetime.fromisoformat(kept["market_time"]), kept["replay"])


def _incident_row(one: Incident) -> tuple[object, ...]:
    return (
        one.user_id,
        one.opened_at.isoformat(),
        one.status,
        one.sequence,
        one.last_alert_at.isoformat(),
        None if one.last_score is None else str(one.last_score),
    )


def _incident(row: tuple[Any, ...]) -> Incident:
    user, opened_at, status, sequence, last_alert_at, score = row
    return Incident(
        user,
        datetime.fromisoformat(opened_at),
        Status(status),
        sequence,
        datetime.fromisoformat(last_alert_at),
        None if score is None else Decimal(score),
    )


def _price_row(one: AssetPrice) -> tuple[object, ...]:
    return (
        one.asset,
        str(one.price),
        one.as_of.isoformat(),
        one.timestamp.isoformat(),
        one.source,
        one.received.message_id,
        one.received.publish_time.isoformat(),
        one.received.received_at.isoformat(),
        one.cadence.total_seconds(),
        one.ticks,
    )


def _price(row: tuple[Any, ...]) -> AssetPrice:
    asset, price, as_of, timestamp, source, message_id, published, received, cadence_s, ticks = row
    return AssetPrice(
        asset=asset,
        price=Decimal(price),
        as_of=datetime.fromisoformat(as_of),
        timestamp=datetime.fromisoformat(timestamp),
        source=source,
        received=Received(
            message_id, datetime.fromisoformat(published), datetime.fromisoformat(received)
        ),
        cadence=timedelta(seconds=cadence_s),
        ticks=ticks,
    )
