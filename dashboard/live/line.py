"""The line: from oracle to people and from escrow to book, with what each station does right now.

Pure: a picture in, two rows out. The first station that fails is the culprit; what is fed by it is
not judged but marked as beyond the break.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.staleness import Freshness, judge, limits
from core.wording import ages, plural
from dashboard.live import consumer, evidence, hops
from dashboard.live.figures import Span, age, rate, state, text
from dashboard.live.hops import Hop

if TYPE_CHECKING:
    from consumers.picture import Picture

PRICES = "market.prices.v1"
SETTLEMENTS = "settlement.events.v1"
ALERTS = "alerts.margin.v1"
BROKEN = ("STOP", "STALL", "LOST")
NOTHING = Hop()


@dataclass(frozen=True, slots=True)
class Station:
    """One stop on the way. `fed_by` is the index of the station before it, by data, not by place.

    `hop` is what is measured on the way to the next one, `why` the reason written on the broken
    piece of line that leads here, when this one is the culprit.
    """

    key: str
    title: str
    state: str  # OK WARN STALL STOP LOST NO_DATA TOPIC
    foot: tuple[Span, ...]
    fed_by: int | None = None
    hop: Hop = NOTHING
    why: str = ""
    topic: bool = False


def rows(p: "Picture") -> list[dict[str, Any]]:
    """Both rows, ready to be sent."""
    return [
        {"name": ["Price to", "notification"], "stations": _marked(_to_people(p), p)},
        {"name": ["Settlement", "to book"], "stations": _marked(_to_book(p), p)},
    ]


def culprits(row: Sequence[dict[str, Any]]) -> int:
    """How many stations lie beyond a break."""
    return sum(1 for s in row if s["down"])


def _marked(stations: Sequence[Station], p: "Picture") -> list[dict[str, Any]]:
    """Name the culprits, darken what they feed, break the line that leads to them."""
    down: list[bool] = []
    blind = not p.channel.connected
    for s in stations:
        above = s.fed_by is not None and (down[s.fed_by] or stations[s.fed_by].state in BROKEN)
        down.append(above or (blind and s.key != "control_room"))
    sent = []
    for i, s in enumerate(stations):
        culprit = s.state in BROKEN and not down[i]
        after = stations[i + 1] if i + 1 < len(stations) else None
        cut = after is not None and after.state in BROKEN and not down[i + 1]
        sent.append(
            {
                "key": s.key,
                "title": s.title,
                "topic": s.topic,
                "state": "NO_DATA" if down[i] and not s.topic else s.state,
                "down": down[i],
                "culprit": culprit,
                "cut": cut,
                "dotted": after is not None and (down[i + 1] and not cut),
                "hop": (after.why if after else "")
                if cut
                else ("" if down[i] or culprit else s.hop.text),
                "hop_title": "" if cut else s.hop.title,
                "foot": _foot(s, down=down[i]),
            }
        )
    return sent


def _foot(s: Station, *, down: bool) -> list[Span]:
    """Beyond a break no state is claimed; counts and ages still hold."""
    if down and not s.topic and any("s" in span for span in s.foot):
        return [text("not judged")]
    return list(s.foot)


def _to_people(p: "Picture") -> list[Station]:
    settings = p.settings
    alert_count = evidence.alerts_in_window(p)
    people_state, _, people_foot = evidence.delivery(p)
    owed = consumer.owed(p)
    return [
        _oracle(p),
        _topic(PRICES, p, hops.to_consumer(p, PRICES), fed_by=0),
        _consumer(
            p,
            "risk_engine",
            "Risk engine",
            settings.price_subscription,
            fed_by=1,
            hop=hops.engine(p),
            override=owed,
        ),
        Station(
            key=ALERTS,
            title=ALERTS,
            state="TOPIC",
            topic=True,
            fed_by=2,
            foot=(text(f"{alert_count} in 60 min"),),
            hop=hops.notifier(p),
        ),
        _consumer(
            p,
            "notifier",
            "Notifier",
            settings.alert_subscription,
            fed_by=3,
            hop=hops.sink(p),
            override=consumer.unreceipted(p),
        ),
        Station(
            key="people",
            title="Delivered to people",
            state=people_state,
            foot=people_foot,
            fed_by=4,
            why="test lost",
        ),
    ]


def _to_book(p: "Picture") -> list[Station]:
    scores = p.scores
    accounts = "no account scored yet" if scores is None else plural(len(scores.book), "account")
    settled = f", {p.positions.settled:,} settled" if p.positions.settled else ""
    faults = f", {plural(len(p.book_faults), 'row')} refused" if p.book_faults else ""
    return [
        _relayer(p),
        _topic(SETTLEMENTS, p, hops.to_consumer(p, SETTLEMENTS), fed_by=0),
        _consumer(p, "settlement", "Settlement", "settlement-events-consumer", fed_by=1),
        _consumer(p, "risk_events", "Risk engine", "risk-events-consumer", fed_by=1),
        Station(
            key="book",
            title="Account book",
            state="WARN" if p.book_faults else "NO_DATA" if scores is None else "OK",
            foot=(text(accounts + settled + faults),),
            fed_by=3,
        ),
        _control_room(p),
    ]


def _oracle(p: "Picture") -> Station:
    """Judged by its newest price, on the market's own clock."""
    market = p.prices.market
    newest = max(p.prices.assets.values(), key=lambda a: a.as_of, default=None)
    if newest is None:
        waiting = (state("NO_DATA"), text(" · no price yet"))
        return Station("oracle", "Price oracle", "NO_DATA", waiting)
    every = min(a.cadence for a in p.prices.assets.values())
    fresh = judge(market.now(p.at) - newest.as_of, limits(every))
    if market.ended:
        foot: tuple[Span, ...] = (text("replay ended at its last price"),)
    else:
        pace = f" ago, every {pace_of(every)}"
        foot = (age(newest.as_of, market=True) | {"b": True}, text(pace))
    found = {Freshness.FRESH: "OK", Freshness.LATE: "WARN"}.get(fresh, "STOP")
    return Station(
        "oracle", "Price oracle", "OK" if market.ended else found, foot, hop=hops.oracle(p)
    )


def pace_of(every: timedelta) -> str:
    """`30 s`, `1 h`: a whole number of its unit is said without the smaller one."""
    seconds = every.total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds and not seconds % size:
            return f"{seconds / size:.0f} {unit}"
    return ages(every)


def _relayer(p: "Picture") -> Station:
    """Settlements come when they come: silence alone is no fault here."""
    newest = p.escrows.events[0][1].received_at if p.escrows.events else None
    foot: tuple[Span, ...] = (
        (age(newest) | {"b": True}, text(" ago"))
        if newest
        else (state("NO_DATA"), text(" · no event yet"))
    )
    return Station("relayer", "Escrow relayer", "OK" if newest else "NO_DATA", foot)


def _topic(name: str, p: "Picture", hop: Hop, *, fed_by: int) -> Station:
    foot = (text(rate(p.rates.get(name))),)
    return Station(name, name, "TOPIC", foot, fed_by, topic=True, hop=hop)


def _consumer(
    p: "Picture",
    key: str,
    title: str,
    subscription: str,
    *,
    fed_by: int,
    hop: Hop = NOTHING,
    override: consumer.Reading | None = None,
) -> Station:
    """As Monitoring sees its subscription, unless its own output shows that it fails."""
    reading = consumer.read(p, subscription)
    if override is not None and reading.state not in BROKEN:
        reading = override
    foot = (state(reading.state), text(" · "), *reading.foot)
    return Station(key, title, reading.state, foot, fed_by, why=reading.why, hop=hop)


def _control_room(p: "Picture") -> Station:
    """This process: its channel, its feeds, its journal."""
    broken = next((f for f in p.feeds if str(f.state) in ("denied", "missing", "stopped")), None)
    checks: tuple[tuple[bool, Callable[[], tuple[Span, ...]]], ...] = (
        (not p.channel.connected, lambda: (text("disconnected "), age(p.channel.since))),
        (p.journal.error is not None, lambda: (text("journal cannot be written"),)),
        (
            broken is not None,
            lambda: (text(f"{broken.name} feed {broken.state}" if broken else ""),),
        ),
    )
    for failed, words in checks:
        if failed:
            foot = (state("STOP"), text(" · "), *words())
            return Station("control_room", "This control room", "STOP", foot, why="not reading")
    foot = (
        state("OK"),
        text(f" · {p.journal.queued:,} queued, {p.quarantined:,} quarantined"),
    )
    return Station("control_room", "This control room", "OK", foot)
