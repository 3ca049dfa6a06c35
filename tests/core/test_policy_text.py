"""A policy as text says what it means, or everything that is wrong with it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import policy_text
from core.categories import Category
from core.errors import FieldError, PolicyError
from core.margin import assess
from core.policy import Policy, Status
from core.policy_text import policy_from_table, policy_from_text, policy_to_text
from core.portfolio import Portfolio
from tests.core.samples import snapshot

EXAMPLE = "\n".join(
    line[4:] for line in (policy_text.__doc__ or "").splitlines() if line.startswith("    ")
)


def test_the_example_in_the_manual_reads() -> None:
    policy = policy_from_text(EXAMPLE)
    assert policy.thresholds() == (50, 30, 15)
    assert policy.weights == {"ETH": Decimal("0.83"), "BTC": Decimal("0.78")}
    assert policy.reminder[Status.MARGIN_CALL] == timedelta(hours=1)
    assert policy.stale_from("SOL") == timedelta(seconds=30)
    assert policy.stale_from("ETH") == timedelta(seconds=90)
    assert policy.categories["eth"].betas == {"ETH": 1, "STETH": 1}
    assert policy.shocks_down == {"ETH": Decimal("-0.35"), "USDC": Decimal("-0.03")}
    assert policy.pegged == {"USDC", "USDT"}


def test_nothing_written_is_the_default() -> None:
    assert policy_from_text("") == Policy()


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        policy_from_text(
            """
            hystersis = 1
            thresholds = [50, 60, "x"]
            weights = { ETH = 2, "ST.ETH" = nan, "B T" = 1 }
            reminders = { LIQUIDATION = "0 s", HEALTHY = 1 }
            staleness = { default = -1, ETH = "1 fortnight" }
            [categories.eth]
            weights = { ETH = 1.1 }
            beta = {}
            [categories."e m"]
            [shocks]
            pegged = ["USDC", "u!"]
            down = { ETH = -1, USDC = 0.1 }
            """
        )
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "hystersis",
        "thresholds.margin_call",
        "weights.ETH",
        "weights.ST.ETH",
        "weights.B T",
        "reminders.HEALTHY",
        "reminders.LIQUIDATION",
        "staleness.default",
        "staleness.ETH",
        "categories.eth.beta",
        "categories.eth.weights.ETH",
        "categories.e m",
        "shocks.pegged.1",
        "shocks_down.ETH",
        "shocks_down.USDC",
    ]


@pytest.mark.parametrize("text", ["thresholds = ", "a = 1\na = 2", "x = [[[["])
def test_what_is_no_toml_says_where(text: str) -> None:
    with pytest.raises(PolicyError, match="is not TOML"):
        policy_from_text(text)


def test_plain_values_read_as_text_does() -> None:
    table = {"thresholds": [Decimal(60), "40", 20], "weights": {"eth": "0.5"}}
    policy = policy_from_table(table)
    assert policy.thresholds() == (60, 40, 20)
    assert policy.weights == {"ETH": Decimal("0.5")}


def test_a_category_counts_its_assets_for_more_and_an_accounts_own_weight_still_wins() -> None:
    policy = policy_from_text(EXAMPLE)
    plain = Portfolio.of("a", {"ETH": 1}, {"USDC": 80})
    member = Portfolio.of("a", {"ETH": 1}, {"USDC": 80}, category="eth")
    own = Portfolio.of("a", {"ETH": 1}, {"USDC": 80}, {"ETH": 1}, "eth")
    prices = snapshot({"ETH": 100, "USDC": 1})
    found = [assess(p, prices, policy).collateral_usd for p in (plain, member, own)]
    assert found == [83, 95, 100]
    with pytest.raises(FieldError, match="nft is not a category"):
        assess(Portfolio.of("a", {"ETH": 1}, {}, category="nft"), prices, policy)


symbols = st.sampled_from(["ETH", "BTC", "A.B-C_9", "USDC"])
shares = st.decimals(0, 1, places=4)
lengths = st.timedeltas(timedelta(microseconds=1), timedelta(days=400))
weightings = st.dictionaries(symbols, shares)
categories = st.dictionaries(
    st.sampled_from(["eth", "Stable.1", "x_-"]),
    st.tuples(weightings, st.dictionaries(symbols, st.decimals(-3, 3, places=3))),
)


@settings(deadline=None)
@given(
    st.lists(st.decimals("-99", "500", places=2), min_size=3, max_size=3, unique=True),
    weightings,
    st.dictionaries(st.sampled_from([Status.LIQUIDATION, Status.WARNING]), lengths),
    categories,
    st.dictionaries(symbols, st.decimals("-0.99", "-0.01", places=2)),
    st.frozensets(symbols),
    st.dictionaries(symbols, lengths),
)
def test_what_is_written_reads_back_as_the_same_policy(
    bounds: list[Decimal],
    weights: dict,
    reminders: dict,
    groups: dict,
    shocks: dict,
    pegged: frozenset,
    staleness: dict,
) -> None:
    call, warning, healthy = sorted(bounds)
    policy = Policy(
        version='2026 "q"',
        healthy=healthy,
        warning=warning,
        margin_call=call,
        weights=weights,
        reminder=reminders,
        categories={name: Category(name, *parts) for name, parts in groups.items()},
        shocks_down=shocks,
        pegged=pegged,
        staleness=staleness,
    )
    assert policy_from_text(policy_to_text(policy)) == policy
