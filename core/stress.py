"""Value under stress: what is left when prices move, of one account exactly.

`V = sum(q*p*(1+s)) + sum(h*p*s) + cash`: what is held is revalued, a hedge (signed, such as a short
future) counts only its profit or loss, cash does not move, and an asset without a shock has none.
The same account is taken down one matrix of shocks and up another; the worse value counts, and the
risk factor is that value over what is borrowed, at present prices. Collateral weights play no part:
this is market value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from types import MappingProxyType

from core.errors import FieldError
from core.exact import CONTEXT, ONE, ZERO, Number, decimal_of, quotient
from core.portfolio import Portfolio, PriceSnapshot, symbol_of

_NOTHING: Mapping[str, Decimal] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Shocks:
    """The two matrices: signed fractions by asset, -1 or more; a pegged asset may fall in both.

    Raises FieldError such as `shocks_down.ETH`.
    """

    down: Mapping[str, Decimal]
    up: Mapping[str, Decimal] = field(default_factory=lambda: _NOTHING)

    @classmethod
    def of(cls, down: Mapping[str, Number], up: Mapping[str, Number]) -> "Shocks":
        """Check and freeze what a sender wrote."""
        return cls(_shocks(down, "shocks_down"), _shocks(up, "shocks_up"))

    def move(self, asset: str) -> bool:
        """Whether `asset` moves in either."""
        return bool(self.down.get(asset) or self.up.get(asset))


@dataclass(frozen=True, slots=True)
class Hedges:
    """What an account has besides its positions: signed amounts that are not held, and cash.

    `amounts` are units by asset (-2: short two), `cash` is USD, negative when it is owed.
    """

    amounts: Mapping[str, Decimal] = field(default_factory=lambda: _NOTHING)
    cash: Decimal = ZERO

    @classmethod
    def of(cls, amounts: Mapping[str, Number], cash: Number = ZERO) -> "Hedges":
        """Check and freeze; FieldError such as `hedges.ETH` or `cash`."""
        signed = signed_amounts(amounts, "hedges")
        return cls(signed, decimal_of(cash, "cash"))


@dataclass(frozen=True, slots=True)
class Stressed:
    """One account under stress, USD, exact.

    The values are None when something held has no usable price, or something hedged that moves;
    `borrow_usd` when a debt has none. `risk_factor` (50 digits, cut downwards) is None where
    either is, and without any borrow. `reasons` names the assets that lack a price.
    """

    user_id: str
    value_usd: Decimal | None
    value_down: Decimal | None
    value_up: Decimal | None
    stressed_value: Decimal | None
    borrow_usd: Decimal | None
    risk_factor: Decimal | None
    reasons: Mapping[str, str]


def stress(
    portfolio: Portfolio, prices: PriceSnapshot, shocks: Shocks, hedges: Hedges | None = None
) -> Stressed:
    """Take one account down and up."""
    beside = hedges or Hedges()
    moving = [asset for asset in beside.amounts if shocks.move(asset)]
    with localcontext(CONTEXT):
        now = down = up = None
        if _priced(prices, (*portfolio.collateral, *moving)):
            now = _value(portfolio, prices, _NOTHING, beside)
            down = _value(portfolio, prices, shocks.down, beside)
            up = _value(portfolio, prices, shocks.up, beside)
        borrow = None
        if _priced(prices, portfolio.borrow):
            borrow = sum((d * prices.points[a].price for a, d in portfolio.borrow.items()), ZERO)
        worse = None if down is None or up is None else min(down, up)
    factor = quotient(worse, borrow) if worse is not None and borrow else None
    faults = {a: prices.fault(a) for a in sorted({*portfolio.assets, *moving})}
    return Stressed(
        user_id=portfolio.user_id,
        value_usd=now,
        value_down=down,
        value_up=up,
        stressed_value=worse,
        borrow_usd=borrow,
        risk_factor=factor,
        reasons=MappingProxyType({a: text for a, text in faults.items() if text is not None}),
    )


def signed_amounts(raw: Mapping[str, Number], name: str) -> Mapping[str, Decimal]:
    """Signed numbers by asset, checked, folded and frozen; FieldError such as `hedges.ETH`."""
    if not isinstance(raw, Mapping):
        raise FieldError(name, "must map asset symbols to numbers")
    numbers: dict[str, Decimal] = {}
    for written, value in raw.items():
        entry = f"{name}.{written}"
        asset = symbol_of(written, entry)
        if asset in numbers:
            raise FieldError(entry, f"{asset} is given twice")
        numbers[asset] = decimal_of(value, entry)
    return MappingProxyType(numbers)


def _shocks(raw: Mapping[str, Number], name: str) -> Mapping[str, Decimal]:
    shocks = signed_amounts(raw, name)
    for asset, shock in shocks.items():
        if shock < -ONE:
            entry = f"{name}.{asset}"
            raise FieldError(entry, "must be -1 or more: a price cannot fall below zero")
    return shocks


def _priced(prices: PriceSnapshot, assets: Iterable[str]) -> bool:
    return all(prices.fault(asset) is None for asset in assets)


def _value(
    portfolio: Portfolio, prices: PriceSnapshot, shocks: Mapping[str, Decimal], beside: Hedges
) -> Decimal:
    total = beside.cash
    for asset, amount in portfolio.collateral.items():
        total += amount * prices.points[asset].price * (ONE + shocks.get(asset, ZERO))
    for asset, amount in beside.amounts.items():
        shock = shocks.get(asset)
        if shock:
            total += amount * prices.points[asset].price * shock
    return total
