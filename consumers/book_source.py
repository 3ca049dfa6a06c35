"""The book of positions from a file or a database: what can be read is loaded, the rest named.

Wherever it comes from, it is rows of `user_id`, `side`, `asset`, `amount`, one position a row. An
account with a faulty row is left out whole: half a book entry would be a wrong score.
"""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from consumers import book_parquet, book_sql
from consumers.errors import BookSourceError
from consumers.settings import Settings
from core.portfolio import Portfolio, Side
from core.position_rows import COLUMNS, Row, portfolios_from_rows

PARQUET = (".parquet", ".pq")


@dataclass(frozen=True, slots=True)
class LoadedBook:
    """What was read; each fault is a line such as `row 7: amount: not a number`.

    `as_of` is when the positions were true: what settles later is not in them yet.
    """

    portfolios: tuple[Portfolio, ...]
    faults: tuple[str, ...]
    as_of: datetime


def load_positions(settings: Settings) -> LoadedBook:
    """The book that the settings name, from a database if they name one.

    Raises BookSourceError.
    """
    if settings.book_url is not None:
        asked = datetime.now(UTC)
        rows = book_sql.rows(settings.book_url.get_secret_value(), settings.book_query)
        return _built(rows, settings.book_as_of or asked)
    loaded = load_book(settings.book)
    as_of = settings.book_as_of or loaded.as_of
    return LoadedBook(loaded.portfolios, loaded.faults, as_of)


def load_book(path: Path) -> LoadedBook:
    """Read a Parquet file, by its ending, or else a CSV; as of its last modification.

    Rows of a CSV are numbered as an editor numbers lines: the header is 1, blank ones count.
    Raises BookSourceError when there is no such file or its columns are not these.
    """
    rows = book_parquet.rows(path) if path.suffix.lower() in PARQUET else _csv(path)
    built = portfolios_from_rows(rows)
    return LoadedBook(built.portfolios, built.faults, _modified(path))


def write_book(path: Path, portfolios: Iterable[Portfolio]) -> None:
    """Write a book as a CSV, whole or not at all."""
    rows = defaultdict(list)
    for portfolio in portfolios:
        for side, held in (
            (Side.COLLATERAL, portfolio.collateral),
            (Side.BORROW, portfolio.borrow),
        ):
            for asset, amount in held.items():
                rows[portfolio.user_id].append((portfolio.user_id, side, asset, f"{amount:f}"))
    part = path.with_suffix(path.suffix + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for positions in rows.values():
            writer.writerows(positions)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _built(rows: Iterable[tuple[int, Row]], as_of: datetime) -> LoadedBook:
    built = portfolios_from_rows(rows)
    return LoadedBook(built.portfolios, built.faults, as_of)


def _csv(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
            if missing:
                raise BookSourceError(path, f"column {missing[0]} is missing")
            yield from ((reader.line_num, row) for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BookSourceError(path, str(error)) from None


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
