"""What stands in the cells of a board: plain values that `board/board.js` draws as text.

A cell is a text, None (a dash: unknown) or a mapping; `c` are classes (`r`, `b`, `mono`, `t2`,
`t3`), `s` a tone, `g` a glyph. No text is ever read as markup, whoever wrote it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.policy import Policy, Status
from dashboard.format import epoch_ms, tone

Cell = str | Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading and the classes of all its cells (`r`: right, `gap`: a wider gap)."""

    heading: Cell
    classes: str = ""
    width: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row; with an `id` it can be picked. Looks: sel, tot, head, hatch."""

    cells: Sequence[Cell]
    id: str | None = None
    look: str = ""


@dataclass(frozen=True, slots=True)
class Say:
    """What a card says instead of, or above, its table: one sentence and what follows from it."""

    sentence: str
    more: tuple[str, ...] = ()
    glyph: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One card. Looks: stale, error, nodata. `bare` stands in a card that is already there."""

    title: str = ""
    sub: str = ""
    end: Sequence[Cell] = ()
    columns: Sequence[Column] = ()
    rows: Sequence[Row] = ()
    say: Say | None = None
    sum: Sequence[Cell] = ()
    foot: Sequence[Cell] = ()
    look: str = ""
    dense: bool = False
    bare: bool = False
    alt: str = ""
    now: datetime
    market: datetime | None = None
    speed: float = field(default=1.0)

    def data(self) -> dict[str, Any]:
        """As the component takes it."""
        found: dict[str, Any] = {
            "title": self.title,
            "sub": self.sub,
            "end": list(self.end),
            "columns": [{"h": c.heading, "c": c.classes, "w": c.width} for c in self.columns],
            "rows": [_row(row) for row in self.rows],
            "look": self.look,
            "dense": self.dense,
            "bare": self.bare,
            "alt": self.alt or self.title,
            "now": epoch_ms(self.now),
            "market": epoch_ms(self.market or self.now),
            "speed": self.speed,
        }
        if self.say is not None:
            say = self.say
            found["say"] = {"v": say.sentence, "more": list(say.more), "g": say.glyph}
            found["say"]["s"] = tone(say.glyph)
        if self.sum:
            found["sum"] = list(self.sum)
        if self.foot:
            found["foot"] = list(self.foot)
        return found


def _row(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {"cells": list(row.cells), "c": row.look}
    if row.id is not None:
        found["id"] = row.id
    return found


def text(
    value: str, classes: str = "", *, tone: str = "", note: str = "", tip: str = "", span: int = 0
) -> Cell:
    """Words, with a quiet `note` after them, a `tip` on hover, over `span` columns."""
    found: dict[str, Any] = {"v": value, "c": classes}
    extra = {"s": tone, "n": note, "tip": tip, "span": span}
    return found | {name: given for name, given in extra.items() if given}


def mono(value: str, classes: str = "", *, tip: str = "") -> Cell:
    """An id, a topic, a hash."""
    return text(value, f"mono {classes}".strip(), tip=tip)


def state(word: str, *, shown: str | None = None, note: str = "", tip: str = "") -> Cell:
    """A state in capitals with its shape and colour; `shown` where other words are to be read."""
    found: dict[str, Any] = {"v": word if shown is None else shown, "g": word, "s": tone(word)}
    extra = {"n": note, "tip": tip}
    return found | {name: given for name, given in extra.items() if given}


def pill(word: str, shown: str | None = None) -> Cell:
    """The same on a ground of its colour."""
    return {"k": "pill", "v": word if shown is None else shown, "g": word, "s": tone(word)}


def big(value: str, unit: str = "") -> Cell:
    """The one great number of a card."""
    return {"k": "big", "v": value, "u": unit}


def age(at: datetime | None, classes: str = "", *, market: bool = False, before: str = "") -> Cell:
    """How long ago, counted on in the browser; `market` on the market's clock."""
    if at is None:
        return text("never", f"t3 {classes}".strip())
    return {"k": "age", "at": epoch_ms(at), "c": classes, "m": market, "p": before}


def meter(at: datetime, word: str, marks: Iterable[float], most: float) -> Cell:
    """An age as a bar that grows; `marks` and `most` in seconds of the market's time."""
    return {
        "k": "meter",
        "at": epoch_ms(at),
        "s": tone(word),
        "marks": [mark * 1000 for mark in marks],
        "max": most * 1000,
        "m": True,
    }


def spark(
    runs: Sequence[Sequence[tuple[float, float]]],
    gaps: Sequence[tuple[float, float]] = (),
    *,
    tone: str = "",
    width: int = 128,
) -> Cell:
    """A small line in unbroken runs of (x, y), 0..1, and blocks where there is nothing."""
    points = [[[round(x, 4), round(y, 4)] for x, y in run] for run in runs]
    return {"k": "spark", "runs": points, "gaps": list(gaps), "s": tone, "w": width}


def hop(value: str, start: float, width: float | None, tone: str = "") -> Cell:
    """A bar of a waterfall, 0..1 of its scale; a `width` of None has no bar, only words."""
    return {"k": "hop", "v": value, "x": round(start, 4), "w": width, "s": tone}


def bins(shares: Sequence[float | None]) -> Cell:
    """How full each bin of time was, 0..1; None where nothing is known."""
    marked = [None if s is None else [round(s, 3), _fullness(s)] for s in shares]
    return {"k": "bins", "b": marked}


def bars(heights: Sequence[tuple[float, str]]) -> Cell:
    """Upright bars: height 0..1 and tone."""
    return {"k": "bars", "b": [[round(height, 3), tone] for height, tone in heights]}


def sequence(*items: Cell) -> Cell:
    """Several cells in one."""
    return {"k": "seq", "items": list(items)}


def band_ruler(score: float | None, policy: Policy, low: float = 0.0, high: float = 80.0) -> Cell:
    """The bands from `low` to `high` percent with a mark at the score, held within the ruler."""
    return {
        "k": "ruler",
        "bands": band_edges(policy, low, high),
        "x": None if score is None else placed(score, low, high),
    }


def band_edges(policy: Policy, low: float, high: float) -> list[tuple[str, float, float]]:
    """The bands as (status, from, to), 0..1 of a ruler from `low` to `high` percent."""
    names = (Status.LIQUIDATION, Status.MARGIN_CALL, Status.WARNING, Status.HEALTHY)
    edges = [low, *(float(bound) for bound in reversed(policy.thresholds())), high]
    return [
        (name.value, placed(edges[i], low, high), placed(edges[i + 1], low, high))
        for i, name in enumerate(names)
    ]


def placed(value: float, low: float, high: float) -> float:
    """Where a value lies between two others, held within 0..1."""
    return round(min(1.0, max(0.0, (value - low) / (high - low))), 4)


def _fullness(share: float) -> str:
    if share >= 0.999:
        return "ok"
    return "warn" if share >= 0.75 else "call"
