"""What an account holds and owes, and the prices of one instant."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from core.errors import FieldError
from core.exact import LARGEST, ONE, SMALLEST, Number, amount_of

_SYMBOL = re.compile(r"[A-Za-z0-9._-]{1,32}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,64}")

TEST_PREFIX = "test:"
"""Accounts under this prefix are not real: they are for test alerts, and a book refuses them."""


class Side(StrEnum):
    """The two sides of a margin account."""

    COLLATERAL = "collateral"
    BORROW = "borrow"


@dataclass(frozen=True, slots=True)
class Portfolio:
    """One account's positions: asset -> units, all above zero, symbols in upper case.

    The same asset may stand on both sides. `weights` are this account's own collateral weights
    (0..1), which win over those of its `category` (e-mode) and those over the policy's; an asset
    named nowhere counts in full.
    """

    user_id: str
    collateral: Mapping[str, Decimal]
    borrow: Mapping[str, Decimal]
    weights: Mapping[str, Decimal] | None = None
    category: str | None = None

    @classmethod
    def of(
        cls,
        user_id: str,
        collateral: Mapping[str, Number],
        borrow: Mapping[str, Number],
        weights: Mapping[str, Number] | None = None,
        category: str | None = None,
    ) -> "Portfolio":
        """Check and freeze what a sender wrote; positions of zero are dropped.

        Raises FieldError naming the field, such as `collateral.ETH`.
        """
        return cls(
            identifier_of(user_id, "user_id"),
            _amounts(collateral, Side.COLLATERAL),
            _amounts(borrow, Side.BORROW),
            None if weights is None else weights_of(weights),
            None if category is None else identifier_of(category, "category"),
        )

    @property
    def assets(self) -> frozenset[str]:
        """Every asset that needs a price."""
        return frozenset(self.collateral) | frozenset(self.borrow)

    def side(self, side: Side) -> Mapping[str, Decimal]:
        """The positions of one side."""
        return self.collateral if side is Side.COLLATERAL else self.borrow

    def with_amount(self, side: Side, asset: str, amount: Decimal) -> "Portfolio":
        """The same account with this position instead; zero removes it, less is a FieldError."""
        if amount < 0:
            entry = f"{side}.{asset}"
            raise FieldError(entry, "must not be negative")
        positions = {**self.side(side), asset: amount}
        if not amount:
            del positions[asset]
        frozen = MappingProxyType(positions)
        if side is Side.COLLATERAL:
            return replace(self, collateral=frozen)
        return replace(self, borrow=frozen)


@dataclass(frozen=True, slots=True)
class PricePoint:
    """One asset's price in USD, when its producer saw it, and the message it came in."""

    asset: str
    price: Decimal
    as_of: datetime
    tick_id: str


@dataclass(frozen=True, slots=True)
class PriceSnapshot:
    """The prices of one instant; one snapshot serves a score and the event that follows from it.

    `unusable` says in words why an asset's price must not be used ("stale 2 min 20 s"); its last
    point may still stand in `points`, to be shown and never to be computed with.
    """

    snapshot_id: str
    as_of: datetime
    points: Mapping[str, PricePoint]
    unusable: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def fault(self, asset: str) -> str | None:
        """Why the asset has no usable price, or None when it has one."""
        reason = self.unusable.get(asset)
        if reason is not None:
            return reason
        point = self.points.get(asset)
        if point is None:
            return "no price"
        if not point.price.is_finite() or point.price <= 0:
            return "price is not a finite number above zero"
        return None if SMALLEST <= point.price <= LARGEST else "price is out of range"


def symbol_of(raw: str, name: str) -> str:
    """An asset's symbol folded to upper case; FieldError naming `name` for anything else."""
    if not isinstance(raw, str) or not _SYMBOL.fullmatch(raw):
        raise FieldError(name, "is not an asset symbol (1 to 32 of A-Z 0-9 . _ -)")
    return raw.upper()


def identifier_of(raw: str, name: str) -> str:
    """An id as the wire allows it; FieldError naming `name` for anything else."""
    if not isinstance(raw, str) or not _IDENTIFIER.fullmatch(raw):
        raise FieldError(name, "is not an id (1 to 64 of A-Z a-z 0-9 . _ : -)")
    return raw


def weights_of(raw: Mapping[str, Number], name: str = "weights") -> Mapping[str, Decimal]:
    """Collateral weights, each within 0..1, checked and frozen."""
    weights = _numbers(raw, name)
    for asset, weight in weights.items():
        if weight > ONE:
            entry = f"{name}.{asset}"
            raise FieldError(entry, "must be between 0 and 1")
    return MappingProxyType(weights)


def _amounts(raw: Mapping[str, Number], side: Side) -> Mapping[str, Decimal]:
    amounts = _numbers(raw, side)
    return MappingProxyType({asset: amount for asset, amount in amounts.items() if amount})


def _numbers(raw: Mapping[str, Number], name: str) -> dict[str, Decimal]:
    if not isinstance(raw, Mapping):
        raise FieldError(name, "must map asset symbols to numbers")
    numbers: dict[str, Decimal] = {}
    for written, value in raw.items():
        entry = f"{name}.{written}"
        asset = symbol_of(written, entry)
        if asset in numbers:
            raise FieldError(entry, f"{asset} is given twice")
        numbers[asset] = amount_of(value, entry)
    return numbers
