"""System: what runs here, in which version, with which settings, and how to ask it by machine."""

import platform
from importlib import metadata
from typing import TYPE_CHECKING

import streamlit as st

from consumers.picture import Picture
from dashboard import access, cells, components
from dashboard.access import Action
from dashboard.cells import Board, Cell, Column, Row
from dashboard.format import ages, clock, moment, plural
from dashboard.views import pipeline_rows

if TYPE_CHECKING:
    from consumers.runtime import Runtime
    from consumers.stores import PositionsSnapshot

EVERY_S = 5.0
ACROSS = 4  # threads in a row
PACKAGES = (
    "fusion-control-room",
    "streamlit",
    "google-cloud-pubsub",
    "google-cloud-monitoring",
    "grpcio",
    "numpy",
    "pandas",
    "plotly",
    "pydantic",
)
MACHINE = {
    "/api/state": "the whole picture as JSON, with ages",
    "/api/ready": "200 only while the feeds are live and the book is scored",
    "/metrics": "for Prometheus",
}


def render() -> None:
    """The page."""
    if components.running() is not None:
        _live()


@st.fragment(run_every=EVERY_S)
def _live() -> None:
    runtime = components.running()
    if runtime is None:
        return
    picture = runtime.picture()
    left, right = st.columns(2, gap="small")
    with left:
        components.board("system-ready", _ready(runtime, picture))
        components.board("system-environment", _environment(runtime, picture))
        components.board("system-book", _book(picture))
    with right:
        components.board("system-versions", _versions(picture))
        _links()
    components.board("system-threads", _threads(picture))
    components.board("system-feeds", pipeline_rows.feeds(picture))
    components.board("system-settings", _settings(picture))


def _pairs(title: str, sub: str, pairs: list[tuple[str, Cell]], picture: Picture) -> Board:
    return Board(
        title=title,
        sub=sub,
        columns=(Column(None, "t2"), Column(None, "r")),
        rows=[Row([name, value]) for name, value in pairs],
        dense=True,
        alt=title,
        now=picture.at,
    )


def _environment(runtime: "Runtime", picture: Picture) -> Board:
    settings = picture.settings
    viewer = access.who()
    broker = settings.emulator_host or "Google Cloud Pub/Sub"
    market = picture.prices.market
    shown = "the wall clock"
    if market.replay:
        shown = f"replay, {moment(market.now(picture.at), picture.at)} UTC"
    pairs: list[tuple[str, Cell]] = [
        ("Environment", cells.text(settings.environment, "b")),
        ("Project", cells.mono(settings.project)),
        ("Broker", cells.mono(broker)),
        ("Connected", _channel(picture)),
        ("Market's clock", shown),
        ("Running since", f"{moment(picture.started_at, picture.at)} UTC"),
        ("Uptime", cells.age(picture.started_at)),
        ("You are", f"{viewer.name}, {viewer.role.value}"),
        ("Changes seen", f"{runtime.version:,}"),
    ]
    if picture.journal.over_limit:
        full = "what must be kept takes more than FUSION_JOURNAL_MAX_MB"
        pairs.append(("Size", cells.state("WARN", shown=full)))
    if picture.journal.set_aside is not None:
        pairs.append(("Corrupt journal kept", cells.mono(picture.journal.set_aside.name)))
    return _pairs("Environment", "what this control room looks at", pairs, picture)


def _channel(picture: Picture) -> Cell:
    channel = picture.channel
    since = f"{clock(channel.since)} UTC, {ages(picture.at - channel.since)}"
    if channel.connected:
        return cells.state("OK", shown=f"since {since}")
    return cells.state("STOP", shown=f"lost {since} ago", tip=channel.error or "")


def _versions(picture: Picture) -> Board:
    pairs: list[tuple[str, Cell]] = [("Python", platform.python_version())]
    pairs += [(name, _version(name)) for name in PACKAGES]
    policy = picture.scores.policy.version if picture.scores is not None else None
    pairs += [("SQLite", picture.journal.sqlite_version), ("Margin policy", policy)]
    return _pairs("Versions", "as installed", pairs, picture)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _ready(runtime: "Runtime", picture: Picture) -> Board:
    ready, reasons = runtime.ready()
    sentence = "Ready: every feed is live and the book is scored." if ready else "Not ready."
    return Board(
        title="Ready",
        end=[cells.state("OK") if ready else cells.state("WARN", shown="NOT READY")],
        say=cells.Say(sentence, reasons, "OK" if ready else "WARN"),
        look="" if ready else "nodata",
        now=picture.at,
    )


def _threads(picture: Picture) -> Board:
    dead = [thread for thread in picture.threads if not thread.alive]
    ordered = (*dead, *(thread for thread in picture.threads if thread.alive))
    shown: list[Cell] = [
        cells.state("OK" if thread.alive else "STOP", shown=thread.name) for thread in ordered
    ]
    rows = [Row(shown[i : i + ACROSS]) for i in range(0, len(shown), ACROSS)]
    return Board(
        title="Threads",
        sub=f"{plural(len(shown), 'thread')} of this process, {len(dead):,} dead",
        columns=[Column(None)] * ACROSS,
        rows=rows[:16],
        dense=True,
        alt="Threads of this process",
        now=picture.at,
    )


def _book(picture: Picture) -> Board:
    faults = picture.book_faults
    scores, held = picture.scores, picture.positions
    database = picture.settings.book_url is not None
    source = "a database" if database else str(picture.settings.book)
    pairs: list[tuple[str, Cell]] = [
        ("Database" if database else "File", cells.mono(source)),
        ("Positions as of", cells.age(held.as_of)),
        ("Settled since", _settled(held)),
    ]
    if scores is not None:
        pairs.append(("Accounts", f"{len(scores.book):,} over {len(scores.book.assets)} assets"))
        pairs.append(("Scored", cells.age(scores.at)))
        pairs.append(("Scoring took", f"{scores.duration_ms:.1f} ms"))
    board = _pairs("Book", "positions under the scores", pairs, picture)
    rows = [*board.rows, *(Row([cells.text(fault, "t2", span=2)]) for fault in faults[:12])]
    end = cells.state("WARN", shown=plural(len(faults), "bad row")) if faults else cells.text("")
    return Board(
        title=board.title,
        sub=board.sub,
        end=[end],
        columns=board.columns,
        rows=rows,
        dense=True,
        now=picture.at,
    )


def _settled(held: "PositionsSnapshot") -> str:
    """What escrows changed since the positions were true."""
    parts = [plural(held.settled, "change")]
    if held.before:
        parts.append(f"{held.before:,} older than the positions")
    if held.elsewhere:
        parts.append(f"{held.elsewhere:,} of accounts not in the book")
    short = len(held.book.overdrawn)
    if short:
        parts.append(f"{plural(short, 'account')} unknown until more arrives")
    return "; ".join(parts)


def _links() -> None:
    with components.card("For machines", "on this port, under the same access rules"):
        for path, what in MACHINE.items():
            with st.container(horizontal=True, vertical_alignment="center"):
                st.link_button(path, path, type="tertiary")
                st.caption(what)


def _settings(picture: Picture) -> Board:
    if not access.may(Action.SEE_SETTINGS):
        say = cells.Say("Not for you to see.", ("Settings need the role of operator.",))
        return Board(title="Settings", say=say, now=picture.at)
    pairs = sorted(picture.settings.public().items())
    half = -(-len(pairs) // 2)
    rows = []
    for i in range(half):
        line: list[Cell] = [cells.mono(pairs[i][0], "t2"), cells.mono(pairs[i][1])]
        if i + half < len(pairs):
            line += [cells.mono(pairs[i + half][0], "t2 gap"), cells.mono(pairs[i + half][1])]
        rows.append(Row(line))
    return Board(
        title="Settings",
        sub="read once at start from the environment; secrets are never shown",
        columns=(Column("Variable"), Column("Value"), Column("Variable", "gap"), Column("Value")),
        rows=rows,
        dense=True,
        alt="Settings without secrets",
        now=picture.at,
    )


if __name__ == "__main__":  # as Streamlit runs a page
    render()
