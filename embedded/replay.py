"""Real markets from a file: parse it whole, refuse it whole, or group it into rounds.

Long format `timestamp,asset_symbol,price_usd,source`, UTC, one row a price. Rows may come in any
order and are sorted by time; two prices of one asset at one time contradict each other and are
refused.
"""

import csv
import re
import statistics
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

COLUMNS = ("timestamp", "asset_symbol", "price_usd", "source")
PEGGED = ("USDC", "USDT")
PAR = Decimal("1.00")
PAR_SOURCE = "replay-par"
LONE_CADENCE = timedelta(seconds=60)  # of a file with a single moment in it
SMALLEST, CEILING = Decimal("1e-40"), Decimal("1e15")  # the wire's bounds of a price
_SYMBOL = re.compile(r"[A-Z0-9._-]{1,32}")
_SOURCE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_PRICE = re.compile(r"\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ReplayError(ValueError):
    """A file that cannot be replayed; `row` counts data rows from 1, None: the file as a whole."""

    def __init__(self, path: Path, reason: str, row: int | None = None, line: int = 0) -> None:
        self.path, self.reason, self.row = path, reason, row
        where = "" if row is None else f" row {row} (line {line} of the file):"
        super().__init__(f"{path}:{where} {reason}")


class _CellError(ValueError):
    """One cell that cannot be read; becomes a ReplayError with its row."""

    def __init__(self, column: str, text: str, what: str) -> None:
        super().__init__(f"{column} {text[:40]!r} {what}")


@dataclass(frozen=True, slots=True)
class ReplayPrice:
    """One price of the market's past; `from_file` is False for a par price that we add."""

    asset: str
    price: Decimal
    source: str
    from_file: bool = True


@dataclass(frozen=True, slots=True)
class ReplayRound:
    """All prices of one moment of market time."""

    at: datetime
    prices: tuple[ReplayPrice, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """A whole market in order of time; `cadence` is each asset's median interval in market time."""

    rounds: tuple[ReplayRound, ...]
    cadence: Mapping[str, timedelta]

    @property
    def rows(self) -> int:
        """How many prices came from the file."""
        return sum(price.from_file for one in self.rounds for price in one.prices)

    def first_prices(self) -> dict[str, Decimal]:
        """The first price in USD of each asset."""
        first: dict[str, Decimal] = {}
        for one in self.rounds:
            for price in one.prices:
                first.setdefault(price.asset, price.price)
        return first

    def with_par(self, held: Collection[str]) -> "Replay":
        """This market plus 1.00 at every moment for pegged assets held but priced nowhere in it."""
        missing = [a for a in PEGGED if a in held and a not in self.cadence]
        if not missing:
            return self
        extra = tuple(ReplayPrice(a, PAR, PAR_SOURCE, from_file=False) for a in missing)
        rounds = tuple(ReplayRound(one.at, one.prices + extra) for one in self.rounds)
        every = _median_interval([one.at for one in rounds], LONE_CADENCE)
        return Replay(rounds, {**self.cadence, **dict.fromkeys(missing, every)})


def read_replay(path: Path, now: datetime) -> Replay:
    """Read and check the whole file; nothing in it may be later than `now`.

    Raises ReplayError with the first bad row's number and reason.
    """
    moments: dict[datetime, dict[str, ReplayPrice]] = {}
    for row, line, cells in _rows(path):
        try:
            at, price = _parse(cells, now)
        except _CellError as error:
            raise ReplayError(path, str(error), row, line) from None
        if moments.setdefault(at, {}).setdefault(price.asset, price) is not price:
            raise ReplayError(path, f"a second price of {price.asset} at {cells[0]}", row, line)
    if not moments:
        raise ReplayError(path, "no prices in the file")
    rounds = tuple(ReplayRound(at, tuple(moments[at].values())) for at in sorted(moments))
    return Replay(rounds, _cadences(rounds))


def _rows(path: Path) -> Iterator[tuple[int, int, list[str]]]:
    """(data row from 1, line, the four cells in our order) of every row that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _cells(path, csv.reader(file))
    except UnicodeDecodeError:
        raise ReplayError(path, "is not UTF-8 text") from None
    except OSError as error:
        raise ReplayError(path, f"cannot be read: {error.strerror}") from None


def _cells(path: Path, lines: Iterator[list[str]]) -> Iterator[tuple[int, int, list[str]]]:
    header = [name.strip() for name in next(lines, [])]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise ReplayError(path, f"the header lacks the column {', '.join(missing)}")
    order = [header.index(name) for name in COLUMNS]
    row = 0
    while True:
        row += 1
        line = getattr(lines, "line_num", row) + 1
        try:
            cells = next(lines, None)
        except csv.Error as error:
            raise ReplayError(path, str(error), row, line) from None
        if cells is None:
            return
        if not cells:
            row -= 1
            continue
        if len(cells) != len(header):
            reason = f"has {len(cells)} columns, the header has {len(header)}"
            raise ReplayError(path, reason, row, line)
        yield row, line, [cells[index].strip() for index in order]


def _parse(cells: list[str], now: datetime) -> tuple[datetime, ReplayPrice]:
    moment, asset, price, source = cells
    if not asset.isascii() or not _SYMBOL.fullmatch(asset.upper()):
        raise _CellError("asset_symbol", asset, "is not a symbol")
    if not _SOURCE.fullmatch(source):
        raise _CellError("source", source, "is not a name")
    return _time(moment, now), ReplayPrice(asset.upper(), _price(price), source)


def _time(text: str, now: datetime) -> datetime:
    if not _TIME.fullmatch(text):
        raise _CellError("timestamp", text, "is not RFC 3339 with a zone")
    try:
        at = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _CellError("timestamp", text, "is no moment in time") from None
    if not _EPOCH <= at <= now:
        raise _CellError("timestamp", text, "is not in the past, from 1970 on")
    return at


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise _CellError("price_usd", text, "is not a number") from None
    if not price.is_finite():
        raise _CellError("price_usd", text, "is not finite")
    if price <= 0:
        raise _CellError("price_usd", text, "is not above zero")
    if not _PRICE.fullmatch(text) or len(text) > 80 or not SMALLEST <= price < CEILING:
        raise _CellError("price_usd", text, "is out of bounds")
    return price


def _cadences(rounds: Iterable[ReplayRound]) -> dict[str, timedelta]:
    times: dict[str, list[datetime]] = {}
    for one in rounds:
        for price in one.prices:
            times.setdefault(price.asset, []).append(one.at)
    every = _median_interval([one.at for one in rounds], LONE_CADENCE)
    return {asset: _median_interval(seen, every) for asset, seen in times.items()}


def _median_interval(times: list[datetime], otherwise: timedelta) -> timedelta:
    gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
    return timedelta(seconds=statistics.median(gaps)) if gaps else otherwise
