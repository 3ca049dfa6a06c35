"""Any account, market and target, within what levels and solutions are exact for."""

from decimal import Decimal

from hypothesis import strategies as st

from tests.core.samples import POLICY, snapshot

ASSETS = ("ETH", "BTC", "USDC", "SOL")

assets = st.sampled_from(ASSETS)
amounts = st.decimals(min_value="0.0001", max_value="100000", places=4)
positions = st.dictionaries(assets, amounts, min_size=1, max_size=3)
markets = st.fixed_dictionaries(dict.fromkeys(ASSETS, amounts)).map(snapshot)
weightings = st.dictionaries(assets, st.sampled_from(["0.83", "0.5", "0"]), max_size=2)
targets = st.sampled_from([*POLICY.thresholds(), Decimal(0), Decimal("17.3")])
