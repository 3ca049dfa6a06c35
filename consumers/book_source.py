"""The book of positions from a file: what can be read is loaded, what cannot is named."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from consumers.errors import BookSourceError
from core.portfolio import Portfolio, Side
from core.position_rows import COLUMNS, portfolios_from_rows


@dataclass(frozen=True, slots=True)
class LoadedBook:
    """What was read; each fault is a line such as `row 7: amount: not a number`."""

    portfolios: tuple[Portfolio, ...]
    faults: tuple[str, ...]


def load_book(path: Path) -> LoadedBook:
    """Read a CSV of `user_id,side,asset,amount`, one position a row.

    Rows are numbered as an editor numbers lines: the header is 1, blank ones count.
    An account with a faulty row is left out whole: half a book entry would be a wrong score.
    Raises BookSourceError when there is no such file or its columns are not these.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
            if missing:
                raise BookSourceError(path, f"column {missing[0]} is missing")
            built = portfolios_from_rows((reader.line_num, row) for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BookSourceError(path, str(error)) from None
    return LoadedBook(built.portfolios, built.faults)


def write_book(path: Path, portfolios: Iterable[Portfolio]) -> None:
    """Write a book whole or not at all."""
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
