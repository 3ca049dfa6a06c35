"""Other people's libraries on the same figures. Run by the environment that has them.

`python -m benchmarks.peers book|var FILE.npz` prints one JSON object: peer -> seconds, null where
it is not installed. It stands alone: it imports nothing of ours but the stopwatch beside it.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.timing import least

THRESHOLDS = (15.0, 30.0, 50.0)


def polars_book(data: Any) -> Callable[[], object]:
    """Join the positions with the prices, group by account, score and cut into bands."""
    import polars as pl

    held = pl.DataFrame(
        {"account": data["account"], "asset": data["asset"]}
        | {"held": data["held"], "owed": data["owed"]}
    )
    prices = pl.DataFrame({"asset": np.arange(len(data["price"])), "price": data["price"]})
    prices = prices.with_columns(pl.col("asset").cast(held["asset"].dtype))

    def call() -> object:
        score = 100 * (pl.col("c") - pl.col("b")) / pl.col("b")
        return (
            held.lazy()
            .join(prices.lazy(), on="asset")
            .group_by("account")
            .agg(
                c=(pl.col("held") * pl.col("price")).sum(),
                b=(pl.col("owed") * pl.col("price")).sum(),
            )
            .with_columns(score=score)
            .with_columns(status=sum((pl.col("score") >= t).cast(pl.Int8) for t in THRESHOLDS))
            .collect()
        )

    return call


def empyrical_var(data: Any) -> Callable[[], object]:
    """Historical VaR and ES of a portfolio's returns."""
    import empyrical

    returns, weights = data["returns"], data["weights"]

    def call() -> object:
        outcome = returns @ weights
        return (
            empyrical.value_at_risk(outcome, 0.05),
            empyrical.conditional_value_at_risk(outcome, 0.05),
        )

    return call


def riskfolio_var(data: Any) -> Callable[[], object]:
    """The same by riskfolio-lib."""
    from riskfolio.src import RiskFunctions

    returns, weights = data["returns"], data["weights"]

    def call() -> object:
        outcome = returns @ weights
        return (
            RiskFunctions.VaR_Hist(outcome, alpha=0.05),
            RiskFunctions.CVaR_Hist(outcome, alpha=0.05),
        )

    return call


def quantstats_var(data: Any) -> Callable[[], object]:
    """The same by quantstats, which takes returns to be normal."""
    import pandas as pd
    from quantstats import stats

    returns, weights = data["returns"], data["weights"]
    days = pd.date_range("2020-01-01", periods=len(returns))

    def call() -> object:
        outcome = pd.Series(returns @ weights, index=days)
        return (
            stats.value_at_risk(outcome, confidence=0.95),
            stats.cvar(outcome, confidence=0.95),
        )

    return call


PEERS = {
    "book": {"polars": polars_book},
    "var": {
        "empyrical-reloaded": empyrical_var,
        "riskfolio-lib": riskfolio_var,
        "quantstats": quantstats_var,
    },
}


def seconds(make: Callable[[Any], Callable[[], object]], data: Any, budget: float) -> float | None:
    """The least time of a peer's call; None when it is not installed."""
    try:
        call = make(data)
    except ImportError:
        return None
    call()
    return least(call, budget)


def main(kind: str, path: str, budget: str = "1.5") -> None:
    """Measure the peers of one kind on one file."""
    with np.load(path) as data:
        figures = {name: data[name] for name in data.files}
    found = {name: seconds(make, figures, float(budget)) for name, make in PEERS[kind].items()}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
