"""Categories (e-mode): correlated assets that count for more, and move together."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from core.errors import FieldError
from core.exact import Number, decimal_of
from core.portfolio import symbol_of, weights_of

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Category:
    """What an account that belongs to it has instead of the policy's weights.

    `weights` (0..1) win over the policy's for the assets named, as Aave's e-mode liquidation
    thresholds do. `betas` say how far each asset moves when the group moves by one: 1 with it, 0
    not at all, below 0 against it; an asset not named does not move.
    """

    name: str
    weights: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    betas: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Fold symbols and freeze; FieldError naming what cannot be used."""
        at = f"categories.{self.name}"
        category_name(self.name, at)
        object.__setattr__(self, "weights", weights_of(self.weights, f"{at}.weights"))
        object.__setattr__(self, "betas", betas_of(self.betas, f"{at}.betas"))


def category_name(raw: str, name: str) -> str:
    """A category's name; FieldError naming `name` for anything else."""
    if not isinstance(raw, str) or not _NAME.fullmatch(raw):
        raise FieldError(name, "is not a category's name (1 to 64 of A-Z a-z 0-9 . _ -)")
    return raw


def betas_of(raw: Mapping[str, Number], name: str = "betas") -> Mapping[str, Decimal]:
    """Betas by asset, checked, folded and frozen; FieldError naming `name` and the asset."""
    return MappingProxyType(
        {
            symbol_of(asset, f"{name}.{asset}"): decimal_of(beta, f"{name}.{asset}")
            for asset, beta in raw.items()
        }
    )
