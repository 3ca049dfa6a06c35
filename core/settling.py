"""What settlement does to a book: signed amounts of collateral, each counted once.

An escrow deployed takes its amount from the payer, a release gives it to the payee, a refund gives
it back. The amounts are added as they are, in any order and never cut at zero, so that the order of
delivery cannot matter; while an account's net amount of an asset is negative, something has not
arrived yet, and the account is UNKNOWN.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from types import MappingProxyType

from core.errors import FieldError
from core.exact import CONTEXT, ZERO, decimal_of, plain
from core.portfolio import Portfolio, symbol_of


@dataclass(frozen=True, slots=True)
class Delta:
    """Signed units of an asset that join an account's collateral; `key` is its event's own.

    Two deltas of one key are the same event. Raises FieldError for an amount that is no number.
    """

    key: str
    user_id: str
    asset: str
    amount: Decimal

    def __post_init__(self) -> None:
        if not self.key:
            raise FieldError("key", "is empty")
        object.__setattr__(self, "asset", symbol_of(self.asset, "asset"))
        object.__setattr__(self, "amount", decimal_of(self.amount, "amount"))


def unseen(
    deltas: Iterable[Delta], settled: frozenset[str], rows: Mapping[str, int]
) -> Mapping[str, Delta]:
    """What is new, by key: not settled before, and of an account that the book has."""
    fresh: dict[str, Delta] = {}
    for delta in deltas:
        if delta.key not in settled and delta.user_id in rows:
            fresh.setdefault(delta.key, delta)
    return fresh


def settle(
    deltas: Iterable[Delta], portfolios: Sequence[Portfolio], rows: Mapping[str, int]
) -> dict[int, Portfolio]:
    """The accounts after their deltas, by row; an amount may be negative in them, never zero."""
    held: dict[int, dict[str, Decimal]] = {}
    with localcontext(CONTEXT):
        for delta in deltas:
            row = rows[delta.user_id]
            amounts = held.setdefault(row, dict(portfolios[row].collateral))
            amounts[delta.asset] = amounts.get(delta.asset, ZERO) + delta.amount
    return {
        row: replace(
            portfolios[row],
            collateral=MappingProxyType({a: amount for a, amount in amounts.items() if amount}),
        )
        for row, amounts in held.items()
    }


def overdrawn(portfolio: Portfolio) -> Mapping[str, str]:
    """Why an account cannot be judged, by asset whose net amount is negative; empty when it can."""
    return MappingProxyType(
        {
            asset: f"net amount is negative ({plain(amount)})"
            for asset, amount in portfolio.collateral.items()
            if amount < 0
        }
    )
