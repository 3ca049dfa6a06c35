"""Value at risk and expected shortfall, beside three libraries and bare random numbers."""

from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from benchmarks.beside import peers
from benchmarks.report import Result, faster, shown, within
from benchmarks.timing import least_of
from core.value_at_risk import historical
from core.var_monte_carlo import monte_carlo, monte_carlo_of
from core.var_normal import Moments

DAYS, ASSETS, PATHS = 1_000, 20, 100_000
LEVEL = Decimal("0.95")
GOALS = {"empyrical-reloaded": 5.0, "riskfolio-lib": 5.0, "quantstats": 50.0}


def var(paths: int = PATHS, seconds: float = 2.0) -> Iterator[Result]:
    """Historical over 1,000 days of 20 assets, with the product of returns and weights on each
    side; Monte Carlo of 100,000 paths of 20 assets."""
    random = np.random.default_rng(5)
    common = random.standard_t(4, (DAYS, 1)) * 0.01
    returns = common + random.standard_t(4, (DAYS, ASSETS)) * 0.012
    weights = np.arange(1, ASSETS + 1) / (ASSETS * (ASSETS + 1) / 2)
    ours = least_of({"var": lambda: historical(returns, weights, LEVEL)}, seconds)["var"] * 1e6
    theirs = peers("var", seconds, returns=returns, weights=weights)
    what = f"historical VaR and ES, {DAYS:,} x {ASSETS}"
    for peer, goal in GOALS.items():
        took = theirs.get(peer)
        yield faster(what, ours, "us", peer, took and took * 1e6, goal)
    moments, drawn = Moments.of(returns), np.empty((paths, ASSETS))
    source = np.random.default_rng(6)
    calls = {
        "full": lambda: monte_carlo_of(moments, lambda m: m @ weights, LEVEL, draws=paths),
        "linear": lambda: monte_carlo(moments, weights, LEVEL, draws=paths),
        "draws": lambda: source.standard_normal(out=drawn),
    }
    took_by = {name: took * 1e3 for name, took in least_of(calls, 2 * seconds).items()}
    what, numbers = f"Monte Carlo, {paths:,} x {ASSETS}", f"drawing {paths * ASSETS:,} normals"
    draws = took_by["draws"]
    yield within(f"{what}, linear book", took_by["linear"], "ms", numbers, draws, 1.3)
    full = took_by["full"]
    yield within(f"{what}, any book, asset by asset", full, "ms", numbers, draws, None)
    yield shown("bare random number", draws / paths / ASSETS * 1e6, "ns")
