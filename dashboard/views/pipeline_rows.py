"""The rows of the Pipeline page: subscriptions, our own feeds, the journal, latencies."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from consumers.picture import Picture
from consumers.stores.values import SubscriptionBacklog
from core.wording import ages
from dashboard import cells, series
from dashboard.cells import Board, Cell, Column, Row
from dashboard.format import DASH, clock, milliseconds, plural, signed
from dashboard.live import consumer
from dashboard.series import Gap, Points

STEADY = 0.05  # messages a second that count as neither growing nor shrinking
SUBSCRIPTIONS = (
    Column("Subscription"),
    Column("State"),
    Column("Behind", "r"),
    Column("Backlog", "r t2"),
    Column("Backlog, all samples", "gap"),
    Column("In /s", "r t2"),
    Column("Out /s", "r t2"),
    Column(""),
    Column("Drains in", "r"),
    Column("Streams", "r t2"),
    Column("Rule that fired", "gap t2"),
    Column("Source, age", "r t2"),
)


def subscriptions(picture: Picture) -> Board:
    """Every subscription, the one longest behind first; what is unknown is a dash, never zero."""
    held = picture.backlogs.subscriptions
    own = {feed.subscription for feed in picture.feeds}
    order = sorted(held.values(), key=lambda s: (-_behind(s), _kind(s, own), s.subscription))
    say = None
    if not order:
        why = picture.backlogs.error or "The first poll of Monitoring has not come back."
        say = cells.Say("No backlog is known yet.", (why, "It is not zero."), "NO_DATA")
    return Board(
        title="Subscriptions",
        sub="time behind first, count second; worst first",
        end=_polled(picture),
        columns=SUBSCRIPTIONS,
        rows=[_subscription(picture, one) for one in order],
        say=say,
        look="nodata" if picture.backlogs.error else "",
        dense=True,
        alt="Subscriptions with their backlogs",
        now=picture.at,
    )


def _kind(held: SubscriptionBacklog, own: set[str]) -> int:
    """The platform's subscriptions first, then our own, then dead letters."""
    return 2 if held.subscription.endswith(".dead") else int(held.subscription in own)


def _behind(held: SubscriptionBacklog) -> float:
    return held.oldest.total_seconds() if held.oldest is not None and held.backlog else 0.0


def _polled(picture: Picture) -> list[Cell]:
    backlogs = picture.backlogs
    if backlogs.error is not None:
        since = clock(backlogs.error_since)
        return [cells.state("NO_DATA", shown=f"Monitoring silent since {since}: {backlogs.error}")]
    return [cells.age(backlogs.polled_at, before="Monitoring asked ")]


def _subscription(picture: Picture, held: SubscriptionBacklog) -> Row:
    name, period = held.subscription, picture.settings.backlog_period
    reading = consumer.read(picture, name)
    points, holes = series.from_times(held.history)
    age = cells.age(held.at)
    if picture.backlogs.known(name, picture.at, period) is None:  # what was is not what is
        held = replace(held, backlog=None, oldest=None, in_per_s=None, out_per_s=None, streams=None)
    grows = None if held.backlog is None else series.slope(points)
    return Row(
        [
            cells.mono(held.subscription),
            cells.state(reading.state, shown=reading.state.replace("_", " ")),
            _waited(held),
            None if held.backlog is None else f"{held.backlog:,}",
            _spark(points, holes, reading.state),
            _rate(held.in_per_s),
            _rate(held.out_per_s),
            _trend(grows, quiet=reading.state == "OK"),
            _drains(held.backlog, grows, quiet=reading.state == "OK"),
            None if held.streams is None else f"{held.streams:,}",
            _rule(reading, held, points),
            cells.sequence(cells.text("monitoring,"), age),
        ]
    )


def _waited(held: SubscriptionBacklog) -> Cell:
    if held.oldest is None:
        return None
    seconds = held.oldest.total_seconds()
    return cells.text(f"{seconds:.1f} s" if seconds < 10 else ages(held.oldest), "b")


def _rate(per_second: float | None) -> Cell:
    return None if per_second is None else f"{per_second:,.2f}"


def _spark(points: Points, holes: Sequence[Gap], state: str) -> Cell:
    if not points:
        return None
    begin = min(points[0][0], holes[0].begin if holes else points[0][0])
    end = max(points[-1][0], holes[-1].end if holes else 0, begin + 1)
    high = max(value for _, value in points) or 1.0
    width = end - begin
    pieces = [
        [((at - begin) / width, value / high) for at, value in piece]
        for piece in series.runs(points, holes)
    ]
    blocks = [((hole.begin - begin) / width, (hole.end - begin) / width) for hole in holes]
    ink = {"WARN": "warn", "STALL": "call", "STOP": "liq"}.get(state, "")
    return cells.spark(pieces, blocks, tone=ink)


def _trend(grows: float | None, *, quiet: bool) -> Cell:
    if grows is None:
        return None
    if abs(grows) < STEADY:
        return {"v": "", "g": "FLAT", "s": "none"}
    if grows < 0:
        return {"v": "", "g": "DOWN", "s": "ok"}
    return {"v": "", "g": "UP", "s": "none" if quiet else "warn"}


def _drains(backlog: int | None, grows: float | None, *, quiet: bool) -> Cell:
    """At the pace of the last samples; nothing is promised from fewer than three."""
    if backlog is None or (backlog and grows is None):
        return None
    if not backlog:
        return cells.text("drained", "t3")
    assert grows is not None  # said above
    if grows >= STEADY:
        words = f"never, {signed(grows, 1, plus=True)}/s"
        return cells.text(words, "t2" if quiet else "", tone="" if quiet else "warn")
    if grows > -STEADY:
        return cells.text("not shrinking", "t2")
    return ages(timedelta(seconds=backlog / -grows))


def _rule(reading: consumer.Reading, held: SubscriptionBacklog, points: Points) -> str:
    """The state in words."""
    count = min(5, len(points))
    words = {
        "STOP": reading.why,
        "STALL": reading.why,
        "WARN": reading.why or f"backlog did not shrink in {count} samples",
        "NO_DATA": "no sample: neither zero nor well",
    }.get(reading.state)
    if words is not None:
        return words
    return "backlog is 0" if not held.backlog else "taken within the heartbeat"


def feeds(picture: Picture) -> Board:
    """Our own subscriptions, never a production one, and the thread behind each."""
    rows = [
        Row(
            [
                cells.mono(feed.subscription, tip=feed.topic),
                cells.state(FEED_GLYPHS[feed.state.value], shown=feed.state.value),
                cells.age(feed.since),
                cells.age(feed.last_message_at),
                f"{feed.messages:,}",
                f"{feed.outstanding:,}",
                f"{feed.restarts:,}",
                cells.text(feed.last_error or "", "t3", tip=feed.last_error or ""),
            ]
        )
        for feed in picture.feeds
    ]
    return Board(
        title="Our own feeds",
        sub="never a production subscription",
        end=[cells.text(f"{sum(1 for t in picture.threads if t.alive)} threads alive")],
        columns=(
            Column("Subscription"),
            Column("State"),
            Column("For", "r t2"),
            Column("Last message", "r"),
            Column("Messages", "r"),
            Column("In hand", "r t2"),
            Column("Restarts", "r"),
            Column("Last error", "gap cut"),
        ),
        rows=rows,
        dense=True,
        alt="Own feeds and their threads",
        now=picture.at,
    )


FEED_GLYPHS = {
    "connecting": "NO_DATA",
    "live": "OK",
    "silent": "LATE",
    "denied": "STOP",
    "missing": "STOP",
    "stopped": "STOP",
}


def journal(picture: Picture) -> Board:
    """What is on disk: nothing is acknowledged before it is."""
    held = picture.journal
    facts: list[tuple[str, Cell]] = [
        ("Committed", f"{held.committed:,}"),
        ("Waiting for the next commit", f"{held.queued:,}"),
        ("Last commit", cells.age(held.last_commit_at)),
        ("Duplicates, seen and dropped", f"{held.duplicates:,}"),
        ("Quarantined since the start", f"{held.quarantined:,}"),
    ]
    say = None
    if held.error is not None:
        say = cells.Say(
            "The journal cannot be written.",
            (held.error, "Nothing is lost: the broker keeps what is not acknowledged."),
            "STOP",
        )
    return Board(
        title="Journal",
        sub=f"SQLite {held.sqlite_version}, acknowledged after commit",
        end=[cells.state("STOP", shown="E-journal") if held.error else cells.state("OK")],
        columns=(Column(None, "t2"), Column(None, "r")),
        rows=[Row([name, value]) for name, value in facts],
        say=say,
        look="error" if held.error else "",
        dense=True,
        alt="The durable journal",
        now=picture.at,
    )


def latencies(picture: Picture) -> Board:
    """Publish to received, in-band; clocks that disagree are counted apart, never clamped."""
    rows = []
    for topic, held in sorted(picture.latency.items()):
        skewed: Cell = cells.text("0", "t3")
        if held.skewed:
            skewed = cells.text(plural(held.skewed, "message"), tone="warn")
        rows.append(
            Row(
                [
                    cells.mono(topic),
                    f"{held.count:,}",
                    f"{picture.rates.get(topic, 0.0):,.2f}",
                    milliseconds(held.p50_ms) if held.p50_ms is not None else DASH,
                    milliseconds(held.p95_ms) if held.p95_ms is not None else DASH,
                    milliseconds(held.max_ms) if held.max_ms is not None else DASH,
                    skewed,
                ]
            )
        )
    say = (
        None if rows else cells.Say("No message yet.", ("Latency is measured in-band.",), "NO_DATA")
    )
    return Board(
        title="Latency",
        sub="publish to received, last 5 min",
        columns=(
            Column("Topic"),
            Column("Messages", "r t2"),
            Column("/s", "r t2"),
            Column("p50", "r"),
            Column("p95", "r"),
            Column("Worst", "r"),
            Column("Skewed", "r"),
        ),
        rows=rows,
        say=say,
        dense=True,
        alt="Latency per topic",
        now=picture.at,
    )
