"""Books of any accounts, some exactly on a threshold, and small ones for mental arithmetic."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import strategies as st

from core.book import Book, Valuation
from core.exact import CONTEXT, Number
from core.policy import Policy
from core.portfolio import Portfolio, PriceSnapshot
from tests.core.samples import POLICY, snapshot

ASSETS = ("ETH", "BTC", "SOL", "USDC", "USDT", "LINK")

amounts = st.decimals(
    min_value="0.000001", max_value="1000000", places=6, allow_nan=False, allow_infinity=False
)
wild = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(1, 10**18),
    st.integers(-40, 20),
)
weights = st.sampled_from([Decimal(1), Decimal("0.83"), Decimal("0.5"), Decimal(0)])
sides = st.dictionaries(st.sampled_from(ASSETS), st.one_of(amounts, wild), max_size=5)
prices_of = st.fixed_dictionaries(dict.fromkeys(ASSETS, amounts))


@st.composite
def on_a_threshold(draw: st.DrawFn, prices: dict[str, Decimal]) -> tuple[dict, dict]:
    """One collateral and one borrow whose score is a threshold to the last digit."""
    a, b = draw(st.sampled_from(ASSETS)), draw(st.sampled_from(ASSETS))
    scale = draw(amounts)
    threshold = draw(st.sampled_from(POLICY.thresholds()))
    with localcontext(CONTEXT):  # C = scale * p_a * p_b * k, B = scale * p_a * p_b
        return {a: scale * prices[b] * (1 + threshold / 100)}, {b: scale * prices[a]}


@st.composite
def books(draw: st.DrawFn) -> tuple[list[Portfolio], PriceSnapshot, Policy]:
    """Accounts, prices of which some may not be used, and a policy with weights."""
    prices = draw(prices_of)
    policy = Policy(weights={"ETH": draw(weights), "SOL": draw(weights)})
    unusable = dict.fromkeys(draw(st.sets(st.sampled_from(ASSETS), max_size=2)), "stale")
    free = draw(st.lists(st.tuples(sides, sides), max_size=12))
    exact = draw(st.lists(on_a_threshold(prices), max_size=6))
    own = {asset: Decimal(1) for asset in ASSETS}
    portfolios = [Portfolio.of(f"u{i}", c, b) for i, (c, b) in enumerate(free)]
    portfolios += [Portfolio.of(f"t{i}", c, b, own) for i, (c, b) in enumerate(exact)]
    return portfolios, snapshot(prices, unusable=unusable), policy


def close(value: float, exact: Decimal | None) -> None:
    """Fail unless a float is the exact figure, and NaN where there is none."""
    if exact is None:
        assert np.isnan(value), value
    else:
        assert value == pytest.approx(float(exact), rel=1e-9, abs=0), (value, exact)


def book_of(*accounts: tuple[Number, Number], **policy: Decimal) -> Book:
    """Accounts u0, u1, … of (ETH held, USDC owed)."""
    portfolios = [
        Portfolio.of(f"u{i}", {"ETH": c}, {"USDC": b}) for i, (c, b) in enumerate(accounts)
    ]
    return Book.from_portfolios(portfolios, Policy(**policy))


def valued(*accounts: tuple[Number, Number], eth: Number = 100) -> Valuation:
    """The same at a price of ETH."""
    return book_of(*accounts).revalue(snapshot({"ETH": eth, "USDC": 1}))
