"""Accounts from rows of positions: what can be read is loaded, what cannot is named by its row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.errors import FieldError
from core.exact import decimal_of
from core.portfolio import Portfolio, Side

COLUMNS = ("user_id", "side", "asset", "amount")

Row = Mapping[str, Any]
_Positions = dict[Side, dict[str, Decimal]]


@dataclass(frozen=True, slots=True)
class FromRows:
    """The accounts in the order of their first row, and a sentence per row that is not in them.

    A fault reads `row 7: amount: must not be negative`.
    """

    portfolios: tuple[Portfolio, ...]
    faults: tuple[str, ...]


def portfolios_from_rows(rows: Iterable[tuple[int, object]]) -> FromRows:
    """Build accounts from numbered rows of `user_id`, `side`, `asset`, `amount`.

    Texts are stripped, symbols and sides folded. An account with a faulty row is left out whole:
    half of an account would be a wrong score. So is one that has a position twice.
    """
    accounts: dict[str, _Positions] = {}
    faults: list[str] = []
    spoilt: set[str] = set()
    for number, row in rows:
        if not isinstance(row, Mapping):
            faults.append(f"row {number}: is not an object of {', '.join(COLUMNS)}")
            continue
        try:
            _add(accounts, row)
        except FieldError as error:
            faults.append(f"row {number}: {error}")
            spoilt.add(_text(row.get("user_id")))
    held = (
        Portfolio.of(user, sides[Side.COLLATERAL], sides[Side.BORROW])
        for user, sides in accounts.items()
        if user not in spoilt
    )
    return FromRows(tuple(held), tuple(faults))


def _add(accounts: dict[str, _Positions], row: Row) -> None:
    user, written = _text(row.get("user_id")), _text(row.get("side")).lower()
    if written not in tuple(Side):
        raise FieldError("side", f"must be collateral or borrow, not {written!r}")
    side, asset = Side(written), _text(row.get("asset")).upper()
    amount = decimal_of(_value(row.get("amount")), "amount")
    # Built here for its checks alone: a fault then names its row.
    held = ({asset: amount}, {}) if side is Side.COLLATERAL else ({}, {asset: amount})
    Portfolio.of(user, *held)
    positions = accounts.setdefault(user, {Side.COLLATERAL: {}, Side.BORROW: {}})[side]
    if asset in positions:
        raise FieldError("asset", f"{asset} appears twice as {side} of {user}")
    positions[asset] = amount


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _value(value: Any) -> Any:
    return "" if value is None else value
