"""The boards of the Alerts page: open incidents, round trips hop by hop, what was due."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from consumers.picture import Picture
from consumers.stores.values import AlertRecord, Due, Hop, RunState, TestRun
from dashboard import cells
from dashboard.cells import Board, Cell, Column, Row
from dashboard.format import (
    ages,
    clock,
    clock_ms,
    floored,
    joined,
    milliseconds,
    moment,
    plural,
    tone,
)

MOST_OPEN, MOST_DUE, MOST_RUNS = 7, 9, 20
GRACE = timedelta(seconds=10)
ROUTE = (
    Column("Account"),
    Column("Status"),
    Column("Score, %", "r"),
    Column("Since, UTC", "r t2"),
    Column("Sent", "r"),
    Column("Delivered by", "gap"),
    Column("Silent for", "r t2"),
)


def incidents(picture: Picture) -> Board:
    """One row per account in a band that somebody should have been told of, gravest first."""
    found = picture.alerts.open
    waiting = sum(1 for record in found if not record.settled)
    rows = [_incident(record, picture.at) for record in found[:MOST_OPEN]]
    if picture.runs:
        rows.append(_test_row(picture.runs[0], picture.at))
    rows += _rest(found[MOST_OPEN:])
    say = None
    if not found:
        say = cells.Say(
            "No open incident.",
            (f"No account was told to be in a band since {clock(picture.started_at)} UTC.",),
        )
    return Board(
        title="Open incidents",
        sub="one row per account, repeats counted",
        end=[f"{len(found):,} open", _undelivered(waiting)],
        columns=ROUTE,
        rows=rows,
        say=say,
        dense=True,
        alt="Open incidents",
        now=picture.at,
    )


def _undelivered(waiting: int) -> Cell:
    if not waiting:
        return cells.text("0 undelivered")
    return cells.state("WARN", shown=f"{waiting:,} undelivered")


def _incident(record: AlertRecord, now: datetime) -> Row:
    alert = record.alert
    begun = alert.incident_started_at or alert.timestamp
    return Row(
        [
            cells.mono(alert.user_id),
            cells.state(alert.status.value),
            cells.text(floored(alert.health_score, 2), "b"),
            moment(begun, alert.market_time or now),
            f"×{max(1, alert.sequence)}",
            _delivered(record),
            cells.age(record.received.publish_time),  # not when we heard of it: we may be new
        ]
    )


def _delivered(record: AlertRecord) -> Cell:
    outcome = {receipt.channel: receipt.outcome for receipt in record.receipts}
    done = [channel for channel in record.channels if outcome.get(channel) == "delivered"]
    failed = [channel for channel in record.channels if outcome.get(channel) == "failed"]
    if failed:
        return cells.state("LOST", shown=f"{joined(failed)} failed", note=joined(done, ""))
    missing = [channel for channel in record.channels if channel not in outcome]
    if missing:
        return cells.state("NO_DATA", shown=f"no receipt from {joined(missing)}")
    if not done:
        return cells.state("NO_DATA", shown="skipped on every channel")
    return cells.state("OK", shown=joined(done))


def _test_row(run: TestRun, now: datetime) -> Row:
    state = run.state(now)
    words = {RunState.PASS: "sink only, not counted", RunState.LATE: "sink, late, not counted"}
    return Row(
        [
            cells.mono(run.alert.user_id),
            "[TEST]",
            floored(run.alert.health_score, 2),
            moment(run.built_at, now),
            "",
            cells.state(state.value, shown=words.get(state, state.value)),
            cells.age(run.built_at),
        ],
        look="hatch",
    )


def _rest(records: Sequence[AlertRecord]) -> list[Row]:
    """What does not fit, one line per status: nothing is dropped in silence."""
    counted = Counter(record.alert.status for record in records)
    rows = []
    for status, count in counted.items():
        scores = [
            r.alert.health_score
            for r in records
            if r.alert.status is status and r.alert.health_score is not None
        ]
        span = f"{floored(min(scores), 2)} to {floored(max(scores), 2)}" if scores else ""
        more = cells.state(status.value, shown=f"{count:,} more in {status.value}") | {"span": 2}  # type: ignore[operator]
        rows.append(Row([more, cells.text(span, "t3"), "", f"×{count:,}", "", ""]))
    return rows


def run_board(run: TestRun | None, picture: Picture, title: str, none: str) -> Board:
    """One round trip, each hop where it lies in time."""
    if run is None:
        return Board(title=title, say=cells.Say(none), now=picture.at, dense=True)
    hops = run.hops(picture.at)
    state = run.state(picture.at)
    whole = run.total_ms()
    words = f"PASS {milliseconds(whole)}" if state is RunState.PASS else state.value
    if state is RunState.LOST:
        words = f"LOST at {(run.lost_at(picture.at) or '').lower()}"
    if state is RunState.LATE:
        words = f"LATE {milliseconds(whole)}"
    return Board(
        title=title,
        sub=f"{moment(run.built_at, picture.at)} UTC",
        end=[cells.pill(state.value, words)],
        columns=(Column(None, "", "150px"), Column(None)),
        rows=_hops(hops, run),
        foot=[cells.mono(run.test_id), f"by {run.by}", *([run.error] if run.error else [])],
        dense=True,
        alt=f"{title}, hop by hop",
        now=picture.at,
    )


def _hops(hops: Sequence[Hop], run: TestRun) -> list[Row]:
    """Each bar ends where the hop was reached, on one scale from built to the last of them."""
    reached = [_ms(run.built_at, hop.at) for hop in hops if hop.at is not None]
    scale = max(*reached, 1.0)
    rows, missing = [], False
    for hop in hops:
        state = hop.state.value
        if hop.at is None or hop.ms is None:
            bar = _not_reached(hop, run.timeout, first=not missing)
            state = "NO_DATA" if missing else state
            missing = True
        else:
            end, took = _ms(run.built_at, hop.at), max(0.0, hop.ms)
            ink = "" if hop.state is RunState.PASS else "warn"
            bar = cells.hop(milliseconds(hop.ms), (end - took) / scale, round(took / scale, 4), ink)
        name = cells.text(hop.name)
        rows.append(Row([cells.sequence({"v": "", "g": state, "s": tone(state)}, name), bar]))
    return rows


def _ms(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds() * 1000


def _not_reached(hop: Hop, timeout: timedelta, *, first: bool) -> Cell:
    if not first:
        return cells.hop("not reached", 0.0, None)
    if hop.state is RunState.LOST:
        return cells.hop(f"nothing in {ages(timeout)}", 0.0, None, "liq")
    return cells.hop("waiting", 0.0, None)


def last_runs(picture: Picture) -> Board:
    """The last twenty tests as bars, oldest left."""
    runs = picture.runs[:MOST_RUNS]
    states = [run.state(picture.at) for run in runs]
    totals = [run.total_ms() for run in runs]
    known = [total for total in totals if total is not None]
    worst = max(known, default=1.0)
    heights = [
        (1.0 if total is None else total / worst, tone(state.value))
        for total, state in zip(totals, states, strict=True)
    ]
    counted = Counter(state.value for state in states)
    words = joined([f"{count} {state}" for state, count in counted.items()], "no test yet")
    if known:
        words += f", p50 {milliseconds(median(known))}, worst {milliseconds(worst)}"
    return Board(
        title="Last 20 runs",
        sub=words,
        end=[cells.bars(heights[::-1])],
        now=picture.at,
        dense=True,
    )


def ledger(picture: Picture) -> Board:
    """What our own score says was due, beside what the pipeline did."""
    due = picture.scores.due if picture.scores is not None else ()
    holes = sum(1 for d in due if d.record is None and picture.at - d.at > GRACE)
    rows = [_due(one, picture.at) for one in due[:MOST_DUE]]
    say = None
    if not rows:
        say = cells.Say(
            "No alert was due in the last hour.", ("Quiet, as expected: no account changed band.",)
        )
    gaps = cells.state("LOST", shown=plural(holes, "hole")) if holes else cells.text("0 holes")
    return Board(
        title="Ledger, last hour",
        sub="due by our own score, then what the pipeline did",
        end=[f"{len(due):,} due", gaps, f"{picture.alerts.duplicates:,} doubles dropped"],
        columns=(
            Column("Account"),
            Column("Transition"),
            Column("Due, UTC", "r"),
            Column("Published", "r t2"),
            Column("Received", "r t2"),
            Column("Delivered", "r"),
        ),
        rows=rows,
        say=say,
        dense=True,
        alt="Alerts due, published, received and delivered",
        now=picture.at,
    )


def _due(due: Due, now: datetime) -> Row:
    alert = due.alert
    before: list[Cell] = ["first seen", "to"]
    if alert.previous_status is alert.status:
        before = ["reminder, still"]
    elif alert.previous_status is not None:
        before = [cells.state(alert.previous_status.value, shown=""), "to"]
    change = cells.sequence(*before, cells.state(alert.status.value))
    begin: list[Cell] = [cells.mono(alert.user_id), change, clock_ms(due.at)[:-2]]
    record = due.record
    if record is None:
        late = now - due.at > GRACE
        told = cells.state("LOST", shown="none came") if late else cells.text("waiting", "t3")
        return Row([*begin, told, None, None])
    delivered = [r.delivered_at for r in record.receipts if r.delivered_at is not None]
    last = max(delivered, default=None)
    end: Cell = cells.state("NO_DATA", shown="no receipt")
    if last is not None:
        whole = "OK" if record.settled else "WARN"
        end = cells.state(whole, shown=_after(due.at, last))
    published = record.alert.published_at or record.received.publish_time
    return Row(
        [*begin, _after(due.at, published), _after(due.at, record.received.received_at), end]
    )


def _after(begin: datetime, end: datetime) -> str:
    """How long after it was due; the pipeline may well be quicker than our own score."""
    seconds = (end - begin).total_seconds()
    sign = "+" if seconds >= 0 else "\u2212"
    shown = abs(seconds)
    return f"{sign}{shown:.2f} s" if shown < 100 else f"{sign}{ages(timedelta(seconds=shown))}"
