"""The edits of a what-if that change a portfolio or the prices, and nothing else.

Amounts are units, prices USD, shocks signed fractions (-0.2: 20 percent down). An edit is checked
when a scenario takes it in, so that what is applied is known to be sound.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from types import MappingProxyType

from core.categories import betas_of, category_name
from core.errors import FieldError
from core.exact import CONTEXT, HUNDRED, ONE, ZERO, Number, amount_of, decimal_of, plain
from core.portfolio import Portfolio, PricePoint, PriceSnapshot, Side, symbol_of

HYPOTHETICAL = "what-if"
"""The tick id of a price that nobody sent, and the end of its snapshot's id."""

Case = tuple[Portfolio, PriceSnapshot]


@dataclass(frozen=True, slots=True)
class SetAmount:
    """The position is `amount` units; zero removes it."""

    side: Side
    asset: str
    amount: Decimal

    def checked(self, field: str) -> "SetAmount":
        """The same edit with a folded symbol; FieldError naming what cannot be used."""
        amount = amount_of(self.amount, f"{field}.amount")
        return SetAmount(
            _side_of(self.side, f"{field}.side"), symbol_of(self.asset, f"{field}.asset"), amount
        )

    def on(self, case: Case) -> Case:
        """The case after this edit."""
        portfolio, prices = case
        return portfolio.with_amount(self.side, self.asset, self.amount), prices

    def __str__(self) -> str:
        return f"{self.side} {self.asset} = {plain(self.amount)}"


@dataclass(frozen=True, slots=True)
class AddAmount:
    """The position grows by `amount` units, or shrinks when it is negative."""

    side: Side
    asset: str
    amount: Decimal

    def checked(self, field: str) -> "AddAmount":
        """The same edit with a folded symbol; FieldError naming what cannot be used."""
        amount = decimal_of(self.amount, f"{field}.amount")
        return AddAmount(
            _side_of(self.side, f"{field}.side"), symbol_of(self.asset, f"{field}.asset"), amount
        )

    def on(self, case: Case) -> Case:
        """The case after this edit; FieldError where more is taken than is there."""
        portfolio, prices = case
        with localcontext(CONTEXT):
            amount = portfolio.side(self.side).get(self.asset, ZERO) + self.amount
        return portfolio.with_amount(self.side, self.asset, amount), prices

    def __str__(self) -> str:
        return f"{self.side} {self.asset} {_signed(self.amount)}"


@dataclass(frozen=True, slots=True)
class SetPrice:
    """The asset costs `price` USD, whether or not it has a usable price now."""

    asset: str
    price: Decimal

    def checked(self, field: str) -> "SetPrice":
        """The same edit with a folded symbol; FieldError naming what cannot be used."""
        price = amount_of(self.price, f"{field}.price")
        if not price:
            entry = f"{field}.price"
            raise FieldError(entry, "must be above zero")
        return SetPrice(symbol_of(self.asset, f"{field}.asset"), price)

    def on(self, case: Case) -> Case:
        """The case after this edit."""
        portfolio, prices = case
        point = PricePoint(self.asset, self.price, prices.as_of, HYPOTHETICAL)
        return portfolio, _with_points(prices, [point])

    def __str__(self) -> str:
        return f"{self.asset} at {plain(self.price)}"


@dataclass(frozen=True, slots=True)
class Shock:
    """One asset's price moves by a fraction; without a price it has none to move."""

    asset: str
    fraction: Decimal

    def checked(self, field: str) -> "Shock":
        """The same edit with a folded symbol; FieldError naming what cannot be used."""
        fraction = fraction_of(self.fraction, f"{field}.fraction")
        return Shock(symbol_of(self.asset, f"{field}.asset"), fraction)

    def on(self, case: Case) -> Case:
        """The case after this edit."""
        portfolio, prices = case
        return portfolio, _shocked(prices, {self.asset} & set(prices.points), self.fraction)

    def __str__(self) -> str:
        return f"{self.asset} {_percent(self.fraction)}"


@dataclass(frozen=True, slots=True)
class ShockAll:
    """Every price moves by a fraction, except those of `pegged` assets."""

    fraction: Decimal
    pegged: frozenset[str] = frozenset()

    def checked(self, field: str) -> "ShockAll":
        """The same edit with folded symbols; FieldError naming what cannot be used."""
        fraction = fraction_of(self.fraction, f"{field}.fraction")
        pegged = frozenset(symbol_of(asset, f"{field}.pegged") for asset in self.pegged)
        return ShockAll(fraction, pegged)

    def on(self, case: Case) -> Case:
        """The case after this edit."""
        portfolio, prices = case
        return portfolio, _shocked(prices, set(prices.points) - self.pegged, self.fraction)

    def __str__(self) -> str:
        spared = f" except {', '.join(sorted(self.pegged))}" if self.pegged else ""
        return f"all prices {_percent(self.fraction)}{spared}"


@dataclass(frozen=True, slots=True)
class GroupShock:
    """The price of each named asset moves by its beta times a fraction."""

    fraction: Decimal
    betas: Mapping[str, Decimal]

    def checked(self, field: str) -> "GroupShock":
        """The same edit with folded symbols; FieldError naming what cannot be used."""
        fraction = decimal_of(self.fraction, f"{field}.fraction")
        betas = betas_of(self.betas, f"{field}.betas")
        with localcontext(CONTEXT):
            for asset, beta in betas.items():
                if beta * fraction <= -ONE:
                    entry = f"{field}.betas.{asset}"
                    raise FieldError(entry, "its price would fall by all it is worth")
        return GroupShock(fraction, betas)

    def on(self, case: Case) -> Case:
        """The case after this edit."""
        portfolio, prices = case
        with localcontext(CONTEXT):
            for asset, beta in self.betas.items():
                prices = _shocked(prices, {asset} & set(prices.points), beta * self.fraction)
        return portfolio, prices

    def __str__(self) -> str:
        betas = ", ".join(f"{asset} {plain(beta)}" for asset, beta in self.betas.items())
        return f"group {_percent(self.fraction)} ({betas})"


@dataclass(frozen=True, slots=True)
class SetCategory:
    """The account joins a category (e-mode), or leaves its own with None."""

    category: str | None

    def checked(self, field: str) -> "SetCategory":
        """The same edit; FieldError naming what cannot be used."""
        if self.category is not None:
            category_name(self.category, f"{field}.category")
        return self

    def on(self, case: Case) -> Case:
        """The case after this edit."""
        portfolio, prices = case
        return replace(portfolio, category=self.category), prices

    def __str__(self) -> str:
        return "no category" if self.category is None else f"category {self.category}"


def fraction_of(value: Number, field: str) -> Decimal:
    """A signed price move above -1; FieldError naming `field` for anything else."""
    fraction = decimal_of(value, field)
    if fraction <= -ONE:
        raise FieldError(field, "must be above -1: a price cannot fall by all it is worth")
    return fraction


def _side_of(value: str, field: str) -> Side:
    try:
        return Side(value)
    except ValueError:
        raise FieldError(field, "must be collateral or borrow") from None


def _shocked(prices: PriceSnapshot, assets: Iterable[str], fraction: Decimal) -> PriceSnapshot:
    """Prices that had a fault keep it: a move of a stale price is no fresher."""
    if not fraction:
        return prices
    with localcontext(CONTEXT):
        points = [
            replace(point, price=point.price * (ONE + fraction), tick_id=HYPOTHETICAL)
            for point in map(prices.points.__getitem__, assets)
            if prices.fault(point.asset) is None
        ]
    return _with_points(prices, points)


def _with_points(prices: PriceSnapshot, points: Iterable[PricePoint]) -> PriceSnapshot:
    new = {point.asset: point for point in points}
    usable = {a: reason for a, reason in prices.unusable.items() if a not in new}
    return hypothetical(prices, {**prices.points, **new}, usable)


def hypothetical(
    prices: PriceSnapshot, points: Mapping[str, PricePoint], unusable: Mapping[str, str]
) -> PriceSnapshot:
    """Another snapshot of the same instant, whose id says that nobody sent it."""
    base = prices.snapshot_id.removesuffix(f"+{HYPOTHETICAL}")
    return replace(
        prices,
        snapshot_id=f"{base}+{HYPOTHETICAL}",
        points=MappingProxyType(dict(points)),
        unusable=MappingProxyType(dict(unusable)),
    )


def _signed(value: Decimal) -> str:
    return f"{'+' if value >= 0 else ''}{plain(value)}"


def _percent(fraction: Decimal) -> str:
    with localcontext(CONTEXT):
        return f"{_signed(fraction * HUNDRED)} %"
