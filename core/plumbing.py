"""The edits of a what-if that break the plumbing: prices that stop, and prices that come late.

They change no price. An account that holds what has no usable price any more is then UNKNOWN, as
it would be live: an outage never looks like a margin event.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from core.edits import HYPOTHETICAL, Case, hypothetical
from core.errors import FieldError
from core.policy import Policy
from core.portfolio import PriceSnapshot, symbol_of
from core.wording import ages

_LONGEST = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Outage:
    """No price of these assets arrives; with none named, no price at all."""

    assets: frozenset[str] = frozenset()

    def checked(self, field: str) -> "Outage":
        """The same edit with folded symbols; FieldError naming what cannot be used."""
        return Outage(_symbols(self.assets, field))

    def on(self, case: Case) -> Case:
        """The case after this edit."""
        portfolio, prices = case
        assets = self.assets or {*prices.points, *portfolio.assets}
        lost = dict.fromkeys(assets, f"outage ({HYPOTHETICAL})")
        return portfolio, hypothetical(prices, prices.points, {**prices.unusable, **lost})

    def __str__(self) -> str:
        return f"outage of {_named(self.assets)}"


@dataclass(frozen=True, slots=True)
class Delay:
    """The prices of these assets are older by so much; with none named, all prices."""

    by: timedelta
    assets: frozenset[str] = frozenset()

    def checked(self, field: str) -> "Delay":
        """The same edit with folded symbols; FieldError naming what cannot be used."""
        if not timedelta(0) <= self.by <= _LONGEST:
            entry = f"{field}.by"
            raise FieldError(entry, "must be between nothing and a hundred years")
        return Delay(self.by, _symbols(self.assets, field))

    def on(self, case: Case) -> Case:
        """The case after this edit; whether a price is now too old is for `judge_ages` to say."""
        portfolio, prices = case
        if not self.by:
            return case
        late = {
            asset: replace(point, as_of=point.as_of - self.by)
            for asset, point in prices.points.items()
            if not self.assets or asset in self.assets
        }
        return portfolio, hypothetical(prices, {**prices.points, **late}, prices.unusable)

    def __str__(self) -> str:
        return f"{_named(self.assets)} late by {ages(self.by)}"


def judge_ages(prices: PriceSnapshot, policy: Policy, delays: Iterable[Delay]) -> PriceSnapshot:
    """The snapshot with every delayed price unusable that is older than the policy lets it be."""
    late = [delay for delay in delays if delay.by]
    old = {
        asset: f"stale {ages(prices.as_of - point.as_of)}"
        for asset, point in prices.points.items()
        if any(not delay.assets or asset in delay.assets for delay in late)
        and asset not in prices.unusable
        and prices.as_of - point.as_of >= policy.stale_from(asset)
    }
    return hypothetical(prices, prices.points, {**prices.unusable, **old}) if old else prices


def _symbols(assets: Iterable[str], field: str) -> frozenset[str]:
    return frozenset(symbol_of(asset, f"{field}.assets") for asset in assets)


def _named(assets: Iterable[str]) -> str:
    return ", ".join(sorted(assets)) or "all prices"
