"""Small pieces that the pages share: boards, frames, the palette, and what a card says in need."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import streamlit as st

from consumers import door
from dashboard.cells import Board, Say
from dashboard.format import ages, clock, epoch_ms
from dashboard.theme import Palette, palette

if TYPE_CHECKING:  # values only: importing this must not load a Google client
    from consumers.picture import Picture
    from consumers.runtime import Runtime

ASSETS = Path(__file__).with_name("board")
PICKED = "picked"


def _source(*names: str) -> str:
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names)


# Registered once, as Streamlit asks; the sources are ours, data only ever enters through `data`.
_BOARD = st.components.v2.component(
    "fusion.board", css=_source("tokens.css", "board.css"), js=_source("glyphs.js", "board.js")
)
_HERO = st.components.v2.component(
    "fusion.hero", css=_source("tokens.css", "hero.css"), js=_source("glyphs.js", "hero.js")
)
_TOPOLOGY = st.components.v2.component(
    "fusion.topology",
    css=_source("tokens.css", "topology.css"),
    js=_source("glyphs.js", "topology.js"),
)
_FRAME = st.components.v2.component(
    "fusion.frame", css=_source("tokens.css", "frame.css"), js=_source("glyphs.js", "frame.js")
)


def colours() -> Palette:
    """The palette of the mode this browser shows."""
    return palette(st.context.theme.type)


def board(key: str, shown: Board, *, picked: str | None = None, stretch: bool = False) -> None:
    """Draw a board. A row picked in it is put into `st.session_state[picked]`."""
    height: Literal["stretch", "content"] = "stretch" if stretch else "content"
    if picked is None:
        _BOARD(key=key, data=shown.data(), height=height)
    else:
        _BOARD(
            key=key,
            data=shown.data(),
            height=height,
            on_picked_change=partial(_keep, key, picked),
        )


def _keep(key: str, into: str) -> None:
    """The row is known by then: callbacks run before the page does."""
    found = st.session_state[key].get(PICKED)
    if isinstance(found, str):
        st.session_state[into] = found


def hero(key: str, data: dict[str, object]) -> None:
    """The head of an account: id, score, band ruler, facts."""
    _HERO(key=key, data=data)


def topology(key: str, data: dict[str, object]) -> None:
    """Boxes and pills with their states, and the ways between them."""
    _TOPOLOGY(key=key, data=data)


@contextmanager
def hypothetical(key: str, note: str, since: datetime, now: datetime) -> Iterator[None]:
    """Everything inside stands in the violet frame, under its tag and watermark.

    `note` ends in the age of what it rests on, which the browser counts from `since`.
    """
    data = {
        "over": key,
        "kind": "hypothetical",
        "tag": "HYPOTHETICAL",
        "note": note,
        "since": epoch_ms(since),
        "now": epoch_ms(now),
    }
    with _framed(key, data, border=True):
        yield


@contextmanager
def magenta_frame(key: str, title: str, sub: str, end: str) -> Iterator[None]:
    """Everything inside stands in the magenta frame, below a hatched strip with its title."""
    with _framed(key, {"kind": "test", "tag": title, "note": sub, "end": end}, border=True):
        st.space(24)
        yield


@contextmanager
def hatched(key: str) -> Iterator[None]:
    """The hatch of a test over whatever stands inside, a button for one."""
    with _framed(key, {"kind": "hatched"}, border=False):
        yield


@contextmanager
def _framed(key: str, data: dict[str, object], *, border: bool) -> Iterator[None]:
    """The frame draws over its container and takes no room in it."""
    with st.container(
        key=key, border=border, gap=None, width="content" if not border else "stretch"
    ):
        _FRAME(key=f"{key}-frame", data=data | {"over": key})
        with st.container():
            yield


@contextmanager
def card(
    title: str, sub: str = "", *, key: str | None = None, stretch: bool = False
) -> Iterator[None]:
    """A native card for inputs and charts. `title` and `sub` are our own words, never data."""
    with st.container(border=True, key=key, height="stretch" if stretch else "content"):
        st.markdown(heading(title, sub))
        yield


def heading(title: str, sub: str = "") -> str:
    """A card's title with its quiet explanation."""
    return f"**{title}**" + (f" :small[:gray[{sub}]]" if sub else "")


def running() -> "Runtime | None":
    """The runtime, or None after the page has said that there is none."""
    try:
        return door.runtime()
    except door.RuntimeMissingError:
        st.error(
            "This server has no runtime. Start the control room with `fusion run`.",
            title="E-no-runtime",
        )
        return None


def seen() -> "Picture | None":
    """The newest picture and nothing that could act; for pages that must not reach a publisher."""
    runtime = running()
    return None if runtime is None else runtime.picture()


def cut_off(picture: "Picture") -> str | None:
    """Why everything on the page is old, when it is: the broker is not reached."""
    channel = picture.channel
    if channel.connected:
        return None
    lost = ages(picture.at - channel.since)
    return f"as of {clock(channel.since)}, disconnected {lost} ago"


def waiting(what: str, *more: str) -> Say:
    """Nothing has come yet, and that is expected."""
    return Say(what, more, "NO_DATA")


def quiet(sentence: str, *more: str) -> Say:
    """Nothing to show, and that is good."""
    return Say(sentence, more)
