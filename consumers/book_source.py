"""The book of positions from a file: what can be read is loaded, what cannot is named."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from consumers.errors import BookSourceError
from core.errors import FieldError
from core.exact import decimal_of
from core.portfolio import Portfolio, Side

COLUMNS = ("user_id", "side", "asset", "amount")


@dataclass(frozen=True, slots=True)
class LoadedBook:
    """What was read; each fault is a line such as `row 7: amount: not a number`."""

    portfolios: tuple[Portfolio, ...]
    faults: tuple[str, ...]


Positions = dict[Side, dict[str, Decimal]]


def load_book(path: Path) -> LoadedBook:
    """Read a CSV of `user_id,side,asset,amount`, one position a row.

    Rows are numbered as an editor numbers lines: the header is 1, blank ones count.
    An account with a faulty row is left out whole: half a book entry would be a wrong score.
    Raises BookSourceError when there is no such file or its columns are not these.
    """
    accounts: dict[str, Positions] = {}
    faults: list[str] = []
    spoilt: set[str] = set()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
            if missing:
                raise BookSourceError(path, f"column {missing[0]} is missing")
            for row in reader:
                try:
                    _add(accounts, row)
                except FieldError as error:
                    faults.append(f"row {reader.line_num}: {error}")
                    spoilt.add((row["user_id"] or "").strip())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BookSourceError(path, str(error)) from None
    return _portfolios(accounts, faults, spoilt)


def _add(accounts: dict[str, Positions], row: dict[str, str | None]) -> None:
    user = (row["user_id"] or "").strip()
    side_text = (row["side"] or "").strip().lower()
    if side_text not in set(Side):
        raise FieldError("side", f"must be collateral or borrow, not {side_text!r}")
    asset = (row["asset"] or "").strip().upper()
    amount = decimal_of((row["amount"] or "").strip(), "amount")
    side = Side(side_text)
    # Built here for its checks alone: a fault then names its row.
    held = ({asset: amount}, {}) if side is Side.COLLATERAL else ({}, {asset: amount})
    Portfolio.of(user, *held)
    positions = accounts.setdefault(user, {Side.COLLATERAL: {}, Side.BORROW: {}})[side]
    if asset in positions:
        raise FieldError("asset", f"{asset} appears twice as {side} of {user}")
    positions[asset] = amount


def _portfolios(accounts: dict[str, Positions], faults: list[str], spoilt: set[str]) -> LoadedBook:
    portfolios = []
    for user, sides in accounts.items():
        if user in spoilt:
            continue
        try:
            portfolios.append(Portfolio.of(user, sides[Side.COLLATERAL], sides[Side.BORROW]))
        except FieldError as error:
            faults.append(f"account {user}: {error}")
    return LoadedBook(tuple(portfolios), tuple(faults))


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
