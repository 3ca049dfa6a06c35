"""The rules an account is judged by: thresholds, weights, categories, shocks, intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, localcontext
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import TypeVar

from core.categories import Category
from core.errors import FieldError, PolicyError
from core.exact import CONTEXT, HUNDRED, ONE, decimal_of, plain
from core.portfolio import Portfolio, symbol_of, weights_of

T = TypeVar("T")
STALE_AFTER = timedelta(seconds=90)
"""Three heartbeats of a feed that speaks every 30 seconds."""


class Status(StrEnum):
    """The six outcomes of an assessment."""

    LIQUIDATION = "LIQUIDATION"
    MARGIN_CALL = "MARGIN_CALL"
    WARNING = "WARNING"
    HEALTHY = "HEALTHY"
    NO_DEBT = "NO_DEBT"
    UNKNOWN = "UNKNOWN"


def _none() -> Mapping[str, Decimal]:
    return MappingProxyType({})


def _no_categories() -> Mapping[str, Category]:
    return MappingProxyType({})


def _no_staleness() -> Mapping[str, timedelta]:
    return MappingProxyType({})


def _default_reminders() -> Mapping[Status, timedelta]:
    return MappingProxyType(
        {Status.LIQUIDATION: timedelta(minutes=15), Status.MARGIN_CALL: timedelta(minutes=60)}
    )


@dataclass(frozen=True, slots=True)
class Policy:
    """Versioned rules. Raises PolicyError with every fault at once.

    `healthy`, `warning`, `margin_call` are the lower bounds of their bands in percent, inclusive;
    what is below `margin_call` is LIQUIDATION. `weights` are collateral weights by asset (0..1,
    1 when not named). `hysteresis`, in points of score, belongs to incidents, never to a status.
    `reminder` says how often an open incident of that status is told again, in market time.
    `categories` are those (e-mode) that an account may belong to. `shocks_down` and `shocks_up`
    are the two matrices of a stress, signed fractions by asset (-0.2: 20 percent down); an asset
    not named has none, and a `pegged` one none but a fall in both. `staleness` is the age from
    which an asset's price must not be used, `stale_after` the same for those it does not name; None
    leaves it to the cadence of each feed.
    """

    version: str = "2026-11"
    healthy: Decimal = Decimal(50)
    warning: Decimal = Decimal(30)
    margin_call: Decimal = Decimal(15)
    weights: Mapping[str, Decimal] = field(default_factory=_none)
    hysteresis: Decimal = Decimal("0.5")
    reminder: Mapping[Status, timedelta] = field(default_factory=_default_reminders)
    categories: Mapping[str, Category] = field(default_factory=_no_categories)
    shocks_down: Mapping[str, Decimal] = field(default_factory=_none)
    shocks_up: Mapping[str, Decimal] = field(default_factory=_none)
    pegged: frozenset[str] = frozenset()
    staleness: Mapping[str, timedelta] = field(default_factory=_no_staleness)
    stale_after: timedelta | None = None

    def __post_init__(self) -> None:
        faults = [
            *self._threshold_faults(),
            *self._weight_faults(),
            *self._interval_faults(),
            *self._shock_faults(),
        ]
        if faults:
            raise PolicyError(tuple(faults))
        frozen = {
            "weights": weights_of(self.weights),
            "reminder": MappingProxyType(dict(self.reminder)),
            "categories": MappingProxyType(dict(self.categories)),
            "shocks_down": MappingProxyType(_folded(self.shocks_down)),
            "shocks_up": MappingProxyType(_folded(self.shocks_up)),
            "pegged": frozenset(asset.upper() for asset in self.pegged),
            "staleness": MappingProxyType(_folded(self.staleness)),
        }
        for name, value in frozen.items():
            object.__setattr__(self, name, value)

    def thresholds(self) -> tuple[Decimal, ...]:
        """The lower bounds in percent, highest first: (50, 30, 15)."""
        return (self.healthy, self.warning, self.margin_call)

    def lower_bound(self, status: Status) -> Decimal | None:
        """The score at which the band of `status` begins; None for a status without one."""
        bounds = {
            Status.HEALTHY: self.healthy,
            Status.WARNING: self.warning,
            Status.MARGIN_CALL: self.margin_call,
        }
        return bounds.get(status)

    def weight_of(self, portfolio: Portfolio, asset: str) -> Decimal:
        """What one USD of this collateral counts: by account, its category, the policy, or 1.

        Raises FieldError for an account of a category that this policy does not have.
        """
        if portfolio.weights is not None and asset in portfolio.weights:
            return portfolio.weights[asset]
        if portfolio.category is not None:
            category = self.category(portfolio.category)
            if asset in category.weights:
                return category.weights[asset]
        return self.weights.get(asset, ONE)

    def category(self, name: str) -> Category:
        """The category of that name; FieldError where there is none."""
        found = self.categories.get(name)
        if found is None:
            raise FieldError("category", f"{name} is not a category of policy {self.version}")
        return found

    def stale_from(self, asset: str) -> timedelta:
        """The age from which a price of the asset must not be used."""
        return self.stale_limit(asset) or STALE_AFTER

    def stale_limit(self, asset: str) -> timedelta | None:
        """The same, None where this policy leaves it to the cadence of the feed."""
        return self.staleness.get(asset, self.stale_after)

    def _threshold_faults(self) -> list[str]:
        named = ("healthy", "warning", "margin_call")
        bounds = dict(zip(named, self.thresholds(), strict=True))
        faults = [
            f"{name}: must be a finite percentage above -100"
            for name, bound in bounds.items()
            if not _usable(bound) or bound <= -HUNDRED
        ]
        if not faults:
            faults = [
                f"{lower}: {plain(bounds[lower])} must be below {upper} ({plain(bounds[upper])})"
                for upper, lower in pairwise(named)
                if bounds[lower] >= bounds[upper]
            ]
        if not _usable(self.hysteresis) or self.hysteresis < 0:
            faults.append("hysteresis: must be zero or more points")
        return faults

    def _weight_faults(self) -> list[str]:
        faults = []
        for asset, weight in self.weights.items():
            try:
                weights_of({asset: weight})
            except FieldError as fault:
                faults.append(str(fault))
        return faults

    def _interval_faults(self) -> list[str]:
        intervals = {
            **{f"reminder.{status}": length for status, length in self.reminder.items()},
            **{f"staleness.{asset}": length for asset, length in self.staleness.items()},
        }
        if self.stale_after is not None:
            intervals["stale_after"] = self.stale_after
        return [
            f"{name}: must be longer than nothing"
            for name, length in intervals.items()
            if length <= timedelta(0)
        ]

    def _shock_faults(self) -> list[str]:
        faults = []
        for name, shocks in (("shocks_down", self.shocks_down), ("shocks_up", self.shocks_up)):
            for asset, shock in shocks.items():
                entry = f"{name}.{asset}"
                try:
                    symbol_of(asset, entry)
                    move = decimal_of(shock, entry)
                except FieldError as fault:
                    faults.append(str(fault))
                    continue
                if move <= -ONE:
                    faults.append(f"{entry}: must be above -1")
                if asset.upper() in self.pegged and move > 0:
                    faults.append(f"{entry}: a pegged asset does not rise")
        return faults


def _usable(number: Decimal) -> bool:
    try:
        decimal_of(number, "")
    except FieldError:
        return False
    return True


def _folded(by_asset: Mapping[str, T]) -> dict[str, T]:
    return {asset.upper(): value for asset, value in by_asset.items()}


def coverage(threshold: Decimal) -> Decimal:
    """`k = 1 + T/100`: how many USD of counted collateral a USD of debt needs at threshold T."""
    with localcontext(CONTEXT):
        return ONE + threshold.scaleb(-2)
