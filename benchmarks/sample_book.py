"""Made-up books of any size: two collaterals and a debt per account, most of them healthy.

C/B is log-normal around 2.4, so that about one account in fifty is to be liquidated; 20 assets of
prices between cents and a hundred thousand dollars.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from core.portfolio import PricePoint, PriceSnapshot
from core.position_table import PositionTable

ASSETS = tuple(f"A{i:02d}" for i in range(20))
PLACES = 8
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

Floats = NDArray[np.float64]


def prices(seed: int = 1) -> Floats:
    """One price per asset."""
    return np.random.default_rng(seed).lognormal(3, 2.5, len(ASSETS)).round(6) + 0.01


def moved(base: Floats, most: float, seed: int = 2) -> Floats:
    """Prices after moves of at most the fraction `most` either way."""
    return base * (1 + np.random.default_rng(seed).uniform(-most, most, len(base)))


def snapshot(values: Sequence[float] | Floats) -> PriceSnapshot:
    """A price snapshot of these prices, by asset."""
    points = {
        asset: PricePoint(asset, Decimal(repr(float(value))), AT, f"tick-{asset}")
        for asset, value in zip(ASSETS, values, strict=True)
    }
    return PriceSnapshot("bench", AT, points)


def table(accounts: int, values: Floats, seed: int = 3) -> PositionTable:
    """A book of three positions an account."""
    random = np.random.default_rng(seed)
    kinds = len(ASSETS)
    first = random.integers(0, kinds, accounts)
    second = (first + random.integers(1, kinds, accounts)) % kinds
    third = random.integers(0, kinds, accounts)
    ids = np.stack((first, second, third), axis=1).astype(np.uint8).ravel()
    usd = random.lognormal(8, 1, (accounts, 3))
    usd[:, 2] = (usd[:, 0] + usd[:, 1]) / random.lognormal(np.log(2.4), 0.35, accounts)
    units = np.maximum(1, usd.ravel() / values[ids] * 10**PLACES).astype(np.int64)
    return PositionTable(
        users=tuple(f"u{i}" for i in range(accounts)),
        assets=ASSETS,
        places=(PLACES,) * kinds,
        rows=np.repeat(np.arange(accounts), 3),
        ids=ids,
        owed=np.tile([False, False, True], accounts),
        units=units,
    )


def snapshot_of(named: dict[str, str]) -> PriceSnapshot:
    """A price snapshot of prices by asset."""
    points = {
        asset: PricePoint(asset, Decimal(price), AT, f"tick-{asset}")
        for asset, price in named.items()
    }
    return PriceSnapshot("bench", AT, points)
