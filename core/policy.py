"""The rules an account is judged by: thresholds, collateral weights, hysteresis, reminders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, localcontext
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType

from core.errors import FieldError, PolicyError
from core.exact import CONTEXT, HUNDRED, ONE, plain
from core.portfolio import Portfolio, weights_of


class Status(StrEnum):
    """The six outcomes of an assessment."""

    LIQUIDATION = "LIQUIDATION"
    MARGIN_CALL = "MARGIN_CALL"
    WARNING = "WARNING"
    HEALTHY = "HEALTHY"
    NO_DEBT = "NO_DEBT"
    UNKNOWN = "UNKNOWN"


def _no_weights() -> Mapping[str, Decimal]:
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
    """

    version: str = "2026-11"
    healthy: Decimal = Decimal(50)
    warning: Decimal = Decimal(30)
    margin_call: Decimal = Decimal(15)
    weights: Mapping[str, Decimal] = field(default_factory=_no_weights)
    hysteresis: Decimal = Decimal("0.5")
    reminder: Mapping[Status, timedelta] = field(default_factory=_default_reminders)

    def __post_init__(self) -> None:
        faults = [*self._threshold_faults(), *self._weight_faults(), *self._reminder_faults()]
        if faults:
            raise PolicyError(tuple(faults))
        object.__setattr__(self, "weights", weights_of(self.weights))
        object.__setattr__(self, "reminder", MappingProxyType(dict(self.reminder)))

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
        """What one USD of this collateral counts: the account's weight, the policy's, or 1."""
        if portfolio.weights is not None and asset in portfolio.weights:
            return portfolio.weights[asset]
        return self.weights.get(asset, ONE)

    def _threshold_faults(self) -> list[str]:
        named = ("healthy", "warning", "margin_call")
        bounds = dict(zip(named, self.thresholds(), strict=True))
        faults = [
            f"{name}: must be a finite percentage above -100"
            for name, bound in bounds.items()
            if not bound.is_finite() or bound <= -HUNDRED
        ]
        if not faults:
            faults = [
                f"{lower}: {plain(bounds[lower])} must be below {upper} ({plain(bounds[upper])})"
                for upper, lower in pairwise(named)
                if bounds[lower] >= bounds[upper]
            ]
        if not self.hysteresis.is_finite() or self.hysteresis < 0:
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

    def _reminder_faults(self) -> list[str]:
        return [
            f"reminder.{status}: must be longer than nothing"
            for status, interval in self.reminder.items()
            if interval <= timedelta(0)
        ]


def coverage(threshold: Decimal) -> Decimal:
    """`k = 1 + T/100`: how many USD of counted collateral a USD of debt needs at threshold T."""
    with localcontext(CONTEXT):
        return ONE + threshold.scaleb(-2)
