"""Tables for Streamlit's own grids, out of values: the only place that knows pandas."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.book import STATUS_ORDER, Book
from core.policy import Policy, Status
from core.portfolio import Side
from dashboard.format import DASH, clock, clock_ms, status_word

if TYPE_CHECKING:  # values only: importing this must not load a Google client
    from consumers.stores.values import AlertRecord, Message, PricesSnapshot, ScoresSnapshot

Indices = NDArray[np.intp]
Floats = NDArray[np.float64]
STATUS_WORDS = tuple(status_word(status) for status in STATUS_ORDER)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Who rests on a price: the accounts that hold or owe the asset, and its collateral in USD.

    `collateral` is None while the asset has no price.
    """

    accounts: int
    collateral: float | None


@lru_cache(maxsize=2)
def holders(book: Book) -> Mapping[str, Indices]:
    """The rows of a book that hold or owe each asset; found once, as a book never changes."""
    return MappingProxyType({asset: book.holders(asset) for asset in book.assets})


@lru_cache(maxsize=2)
def collateral_units(book: Book) -> Mapping[str, float]:
    """Units of each asset that lie as collateral in the whole book."""
    units = dict.fromkeys(book.assets, 0.0)
    for portfolio in book.portfolios:
        for asset, amount in portfolio.side(Side.COLLATERAL).items():
            units[asset] += float(amount)
    return MappingProxyType(units)


def exposures(scores: "ScoresSnapshot | None", prices: "PricesSnapshot") -> dict[str, Exposure]:
    """Every asset of the book with who rests on it; nothing before the book is scored."""
    if scores is None:
        return {}
    units = collateral_units(scores.book)
    found = {}
    for asset, rows in holders(scores.book).items():
        held = prices.assets.get(asset)
        worth = None if held is None else units[asset] * float(held.price)
        found[asset] = Exposure(len(rows), worth)
    return found


def matching(
    scores: "ScoresSnapshot",
    *,
    status: str | None = None,
    search: str = "",
    asset: str | None = None,
) -> Indices:
    """The rows of the book under a filter, worst first: status by gravity, then lowest score."""
    valuation, book = scores.valuation, scores.book
    chosen = np.ones(len(valuation), bool)
    codes = {state.value: code for code, state in enumerate(STATUS_ORDER)}
    if status in codes:
        chosen &= valuation.status == codes[status]
    if asset is not None:
        held = np.zeros(len(valuation), bool)
        held[holders(book).get(asset, np.empty(0, np.intp))] = True
        chosen &= held
    wanted = search.strip().casefold()
    if wanted:
        chosen &= np.fromiter((wanted in u.casefold() for u in book.users), bool, len(book))
    rows = np.flatnonzero(chosen)
    order = np.lexsort((np.nan_to_num(valuation.score[rows], nan=np.inf), valuation.status[rows]))
    return rows[order]


def accounts(
    scores: "ScoresSnapshot",
    prices: "PricesSnapshot",
    rows: Indices,
    at: datetime,
    told: "Mapping[str, AlertRecord]" = MappingProxyType({}),
) -> pd.DataFrame:
    """The accounts in the order of `rows`: scores, C and drops floored, B ceiled, ages in seconds.

    Unknown figures are NaN, which the grid shows as a dash.
    """
    valuation, book = scores.valuation, scores.book
    codes = valuation.status[rows]
    users = [book.users[row] for row in rows]
    return pd.DataFrame(
        {
            "account": users,
            "status": [[STATUS_WORDS[code]] for code in codes],
            "score": floored_scores(valuation.score[rows], codes, scores.policy),
            "distance": _floor(valuation.distance()[rows]),
            "drop": _floor(valuation.uniform_drop()[rows] * 100),
            "collateral": _floor(valuation.collateral[rows]),
            "borrow": -_floor(-valuation.borrow[rows]),
            "age": oldest_ages(scores, prices, at)[rows],
            "told": [_told(told.get(user)) for user in users],
        }
    )


def floored_scores(scores: Floats, codes: NDArray[np.int8], policy: Policy) -> Floats:
    """Scores cut to two places, held at the lower end of their own band: they never leave it."""
    healthy, warning, call = (float(bound) for bound in policy.thresholds())
    lowest = np.array([-np.inf, call, warning, healthy, np.nan, np.nan])
    held: Floats = np.maximum(_floor(scores), lowest[codes])
    return held


def oldest_ages(scores: "ScoresSnapshot", prices: "PricesSnapshot", at: datetime) -> Floats:
    """The age in seconds, market time, of the oldest price under each account; NaN: never came."""
    oldest = np.zeros(len(scores.book))
    for asset, rows in holders(scores.book).items():
        age = prices.age(asset, at)
        seconds = np.nan if age is None else age.total_seconds()
        oldest[rows] = np.maximum(oldest[rows], seconds)
    return np.floor(oldest)


def _floor(values: Floats) -> Floats:
    """Two places, downwards; what a float is off by is not a cent."""
    return np.floor(np.round(values * 100, 6)) / 100


def _told(record: "AlertRecord | None") -> str:
    return DASH if record is None else clock(record.alert.timestamp)


def messages(shown: "Sequence[Message]") -> pd.DataFrame:
    """Recent messages, newest first, as text alone."""
    return pd.DataFrame(
        {
            "received": [clock_ms(m.received.received_at) for m in shown],
            "topic": [m.topic for m in shown],
            "key": [m.key for m in shown],
            "id": [m.received.message_id for m in shown],
            "attributes": [_pairs(m.attributes) for m in shown],
            "data": [as_text(m.data, size=m.size) for m in shown],
            "refused": [m.refused or "" for m in shown],
        },
        dtype="string",
    )


def positions(held: Sequence[tuple[str, str, Decimal]]) -> pd.DataFrame:
    """Positions to edit, (side, asset, units) each: what is held beside what is tried."""
    units = [float(amount) for _, _, amount in held]
    columns = {
        "side": pd.Series([side for side, _, _ in held], dtype="string"),
        "asset": pd.Series([asset for _, asset, _ in held], dtype="string"),
        "live": pd.Series(units, dtype="float64"),
        "amount": pd.Series(units, dtype="float64"),
    }
    return pd.DataFrame(columns)


def tried(edited: pd.DataFrame) -> list[tuple[str, str, float | None]]:
    """What an editor came back with, row by row: (side, asset, units); None: left empty."""
    sides, assets = edited["side"].fillna("").astype(str), edited["asset"].fillna("").astype(str)
    amounts = edited["amount"].astype("float64").tolist()
    return [
        (side, asset, None if math.isnan(amount) else amount)
        for side, asset, amount in zip(sides, assets, amounts, strict=True)
    ]


def as_text(data: bytes, most: int = 2_000, *, size: int | None = None) -> str:
    """Bytes as they can be read, the first of `size`; what is no UTF-8 shows as its replacement."""
    shown, size = data[:most].decode("utf-8", errors="replace"), size or len(data)
    return shown if size <= most else f"{shown}… ({size:,} bytes)"


def statuses() -> tuple[Status, ...]:
    """All six, gravest first."""
    return STATUS_ORDER


def _pairs(attributes: Mapping[str, str]) -> str:
    return " ".join(f'{name}="{value}"' for name, value in attributes.items())


def readable(data: bytes) -> str:
    """A message to read: JSON indented, anything else as it is; never interpreted further."""
    shown = as_text(data, 20_000)
    try:
        return json.dumps(json.loads(shown), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return shown
