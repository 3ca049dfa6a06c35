"""The exact loop, as lean as exact can be: one account or cell after the other, in Decimals."""

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext

from core.exact import CONTEXT, HUNDRED, ZERO, quotient
from core.policy import Policy
from core.portfolio import Portfolio

Positions = tuple[tuple[tuple[str, Decimal], ...], tuple[tuple[str, Decimal], ...]]


def positions(portfolios: Iterable[Portfolio]) -> list[Positions]:
    """Accounts as bare tuples, so that the loop has nothing to look up."""
    return [(tuple(p.collateral.items()), tuple(p.borrow.items())) for p in portfolios]


def book(accounts: Sequence[Positions], prices: dict[str, Decimal], policy: Policy) -> list[int]:
    """Band (0 worst) of every account, and its score on the way."""
    thresholds = tuple(reversed(policy.thresholds()))
    found = []
    with localcontext(CONTEXT):
        for held, owed in accounts:
            collateral = sum((amount * prices[asset] for asset, amount in held), ZERO)
            borrow = sum((amount * prices[asset] for asset, amount in owed), ZERO)
            surplus = HUNDRED * (collateral - borrow)
            quotient(surplus, borrow)
            found.append(sum(surplus >= bound * borrow for bound in thresholds))
    return found


def grid(
    terms: tuple[Decimal, Decimal, Decimal, Decimal], axis: Sequence[Decimal], policy: Policy
) -> list[int]:
    """Band of every cell for collateral `rest + a*(1+s) + b*(1+t)` and a debt that stands still."""
    rest, first, second, borrow = terms
    bounds = [bound * borrow for bound in reversed(policy.thresholds())]
    found = []
    with localcontext(CONTEXT):
        for row in axis:
            at = rest + first * (1 + row)
            for column in axis:
                surplus = HUNDRED * (at + second * (1 + column) - borrow)
                quotient(surplus, borrow)
                found.append(sum(surplus >= bound for bound in bounds))
    return found
