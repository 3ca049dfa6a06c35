"""Monte Carlo VaR and ES: seeded and antithetic, so the same question has the same answer.

A linear book of jointly normal returns has one normal outcome, whatever the number of assets: it
is drawn directly, one number a path. A book that is not linear is drawn in full, asset by asset,
in blocks that fit the cache.
"""

from collections.abc import Callable
from dataclasses import replace
from math import ceil

import numpy as np

from core.errors import FieldError
from core.exact import Number
from core.value_at_risk import (
    Contributions,
    Floats,
    Method,
    Risk,
    of_outcomes,
)
from core.var_normal import Moments, spread

DRAWS = 100_000
SEED = 20_261_123
_BLOCK = 4096

Revalue = Callable[[Floats], Floats]
"""From returns (paths x assets) to the book's gains and losses (paths)."""


def monte_carlo(
    moments: Moments,
    exposures: Floats,
    confidence: Number,
    *,
    horizon_days: float = 1,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Risk:
    """The risk of a linear book over `draws` paths, half of them mirror images of the others."""
    mean, deviation = moments.over(horizon_days).of_book(exposures)
    half = np.random.default_rng(seed).standard_normal(_half(draws))
    half *= deviation
    outcomes = np.concatenate((half, -half))
    outcomes += mean
    found = of_outcomes(outcomes, confidence)
    drawn = "one normal draw a path for the whole linear book"
    return _named(found, seed, drawn, horizon_days)


def monte_carlo_of(
    moments: Moments,
    revalue: Revalue,
    confidence: Number,
    *,
    horizon_days: float = 1,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Risk:
    """The risk of any book, as `revalue` sees it on simulated returns."""
    over = moments.over(horizon_days)
    root = _root(over.covariance)
    source = np.random.default_rng(seed)
    half = _half(draws)
    outcomes = np.empty(2 * half)
    for begin in range(0, half, _BLOCK):
        size = min(_BLOCK, half - begin)
        moves = source.standard_normal((size, len(root))) @ root
        outcomes[begin : begin + size] = revalue(over.mean + moves)
        outcomes[half + begin : half + begin + size] = revalue(over.mean - moves)
    found = of_outcomes(outcomes, confidence)
    drawn = "every asset drawn, the book revalued on each path"
    return _named(found, seed, drawn, horizon_days)


def monte_carlo_contributions(
    moments: Moments, exposures: Floats, risk: Risk, *, horizon_days: float = 1
) -> Contributions:
    """Parts of a linear book's `risk`: what each asset is expected to lose when the book does."""
    over = moments.over(horizon_days)
    mean, deviation = over.of_book(exposures)
    if not deviation:
        return spread(over, exposures, 0.0, 0.0)
    return spread(over, exposures, (risk.var + mean) / deviation, (risk.es + mean) / deviation)


def _half(draws: int) -> int:
    if draws < 2:
        raise FieldError("draws", "must be 2 or more")
    return ceil(draws / 2)


def _root(covariance: Floats) -> Floats:
    """R with R'R = covariance; it may be singular, as a pegged asset makes it."""
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    return root


def _named(found: Risk, seed: int, drawn: str, horizon_days: float) -> Risk:
    source = f"antithetic paths of normal returns, seed {seed}, {drawn}"
    return replace(found, method=Method.MONTE_CARLO, horizon_days=horizon_days, source=source)
