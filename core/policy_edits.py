"""The edits of a what-if that change the policy: other thresholds, other weights."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from core.edits import Case
from core.errors import FieldError
from core.exact import decimal_of, plain
from core.policy import Policy
from core.portfolio import symbol_of, weights_of


@dataclass(frozen=True, slots=True)
class SetWeight:
    """The policy counts a USD of this collateral as `weight`; an account's own still wins."""

    asset: str
    weight: Decimal

    def checked(self, field: str) -> "SetWeight":
        """The same edit with a folded symbol; FieldError naming what cannot be used."""
        asset = symbol_of(self.asset, f"{field}.asset")
        [weight] = weights_of({asset: self.weight}, f"{field}.weight").values()
        return SetWeight(asset, weight)

    def on(self, case: Case) -> Case:
        """The case as it is: only the policy changes."""
        return case

    def on_policy(self, policy: Policy) -> Policy:
        """The policy after this edit."""
        weights: Mapping[str, Decimal] = {**policy.weights, self.asset: self.weight}
        return replace(policy, weights=MappingProxyType(weights))

    def __str__(self) -> str:
        return f"weight of {self.asset} {plain(self.weight)}"


@dataclass(frozen=True, slots=True)
class SetThresholds:
    """The lower bounds of the bands, in percent."""

    healthy: Decimal
    warning: Decimal
    margin_call: Decimal

    def checked(self, field: str) -> "SetThresholds":
        """The same edit; FieldError naming the first bound that cannot be used."""
        for name in ("healthy", "warning", "margin_call"):
            decimal_of(getattr(self, name), f"{field}.{name}")
        if not -100 < self.margin_call < self.warning < self.healthy:
            entry = f"{field}.thresholds"
            raise FieldError(entry, "must fall from healthy over warning to margin_call above -100")
        return self

    def on(self, case: Case) -> Case:
        """The case as it is: only the policy changes."""
        return case

    def on_policy(self, policy: Policy) -> Policy:
        """The policy after this edit."""
        return replace(
            policy, healthy=self.healthy, warning=self.warning, margin_call=self.margin_call
        )

    def __str__(self) -> str:
        bounds = (self.healthy, self.warning, self.margin_call)
        return f"thresholds {' / '.join(map(plain, bounds))}"
