"""What happened to one account: changes of status, alerts and who got them, escrows."""

from collections.abc import Iterator
from datetime import datetime

from consumers.picture import Picture
from consumers.stores.values import AlertRecord, Transition
from dashboard import cells
from dashboard.cells import Board, Cell, Column, Row
from dashboard.format import amount, clock, floored, joined, moment, plural

MOST = 14
Event = tuple[datetime, Row]


def board(picture: Picture, user_id: str) -> Board:
    """The history of an account as far as this control room remembers it."""
    events = sorted(_events(picture, user_id), key=lambda event: event[0], reverse=True)
    width = 6 if picture.prices.market.replay else 5
    rows = [Row(row.cells[:width], look=row.look) for _, row in events[:MOST]]
    say = None
    if not rows:
        say = cells.Say(
            "Nothing happened.",
            (f"No change of status, alert or escrow since {clock(picture.started_at)} UTC.",),
        )
    return Board(
        title="History",
        sub="our own scores, the pipeline's alerts, escrows",
        end=[cells.text(plural(len(events), "event"))] if events else [],
        columns=(
            Column("UTC", "t2"),
            Column("What"),
            Column(None),
            Column("Score, %", "r"),
            Column("Cause, or who was told", "gap"),
            *([Column("Market time", "r t2")] if picture.prices.market.replay else []),
        ),
        rows=rows,
        say=say,
        dense=True,
        alt=f"History of {user_id}",
        now=picture.at,
    )


def _events(picture: Picture, user_id: str) -> Iterator[Event]:
    scores = picture.scores
    for change in scores.transitions if scores is not None else ():
        if change.user_id == user_id:
            yield change.at, _change(change, picture.at)
    for record in picture.alerts.records:
        if record.alert.user_id == user_id:
            yield record.received.received_at, _alert(record, picture.at)
    for event, received in picture.escrows.events:
        if user_id in (event.payer, event.payee):
            units = "" if event.amount is None else f"{amount(event.amount)} ETH"
            told: list[Cell] = [
                moment(received.received_at, picture.at),
                "Escrow",
                cells.text(event.event),
                None,
                cells.text(units, note=event.escrow[:18]),
                None,
            ]
            yield received.received_at, Row(told)


def _change(change: Transition, now: datetime) -> Row:
    before: Cell = "first seen" if change.before is None else cells.state(change.before.value)
    return Row(
        [
            moment(change.at, now),
            "Status",
            cells.sequence(before, "to", cells.state(change.after.value)),
            floored(change.score, 2),
            change.cause,
            moment(change.market_time, now),
        ]
    )


def _outcomes(record: AlertRecord) -> str:
    """`delivered by email, webhook; no receipt from sms`."""
    got = {receipt.channel: receipt.outcome for receipt in record.receipts}
    words = {"delivered": "delivered by", "failed": "failed by", "skipped": "skipped by"}
    found: dict[str, list[str]] = {}
    for channel in record.channels:
        outcome = words.get(got.get(channel, ""), "no receipt from")
        found.setdefault(outcome, []).append(channel)
    return "; ".join(f"{outcome} {joined(channels)}" for outcome, channels in found.items())


def _alert(record: AlertRecord, now: datetime) -> Row:
    alert = record.alert
    told = _outcomes(record)
    times = f" ×{record.deliveries}" if record.deliveries > 1 else ""
    return Row(
        [
            moment(record.received.received_at, now),
            f"Alert {alert.sequence}{times}",
            cells.state(alert.status.value, note=alert.event_type),
            floored(alert.health_score, 2),
            cells.text(told),
            moment(alert.market_time, now),
        ],
        look="hatch" if alert.test else "",
    )
