"""One account under 200 x 200 pairs of shocks, beside the exact loop over the cells."""

from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from benchmarks import exact_loop
from benchmarks.report import Result, faster, shown
from benchmarks.sample_book import snapshot_of
from benchmarks.timing import least, least_of
from core.edits import Shock
from core.grid import Axis
from core.grid import grid as shocked
from core.margin import assess
from core.policy import Policy
from core.portfolio import Portfolio

PRICES = {"ETH": "3941.34", "BTC": "97412.50", "SOL": "241.36", "USDC": "0.9998"}
CELLS = 2_000  # of the loop that assesses each cell anew
GOAL = 150


def grid(side: int = 200, seconds: float = 2.0) -> Iterator[Result]:
    """Scores and statuses; the loops are the leanest exact one, and the full assessment."""
    account = Portfolio.of("ann", {"ETH": "12.5", "BTC": "0.8", "SOL": "90"}, {"USDC": "95000"})
    market, policy = snapshot_of(PRICES), Policy()
    steps = [Decimal(i - side // 2) / (side + 10) for i in range(side)]
    axis = Axis.of(steps)
    usd = {a: n * market.points[a].price for a, n in {**account.collateral}.items()}
    owed = account.borrow["USDC"] * market.points["USDC"].price
    terms = usd["SOL"], usd["ETH"], usd["BTC"], owed
    found = shocked(account, market, policy, "ETH", "BTC", axis)
    codes = exact_loop.grid(terms, steps, policy)
    wrong = np.count_nonzero(found.status.ravel() != np.array(codes, np.int8))
    calls = {
        "ours": lambda: shocked(account, market, policy, "ETH", "BTC", axis),
        "loop": lambda: exact_loop.grid(terms, steps, policy),
    }
    took = least_of(calls, seconds)
    what = f"{side} x {side} shocks of one account"
    ours, loop = took["ours"] * 1e3, took["loop"] * 1e3
    yield faster(what, ours, "ms", "exact loop in closed form", loop, GOAL)

    def assessed() -> None:
        for number in range(CELLS):
            move = Shock("ETH", steps[number % side])
            assess(*move.on((account, market)), policy)

    each = least(assessed, 0.5, 1) / CELLS
    yield faster(what, ours, "ms", "loop of assessments", each * side * side * 1e3, GOAL)
    unchecked = least(lambda: shocked(account, market, policy, "ETH", "BTC", steps), 0.5)
    yield shown("the same with shocks not yet checked", unchecked * 1e3, "ms")
    yield shown("cells whose status is not the exact one", float(wrong), "cells")
