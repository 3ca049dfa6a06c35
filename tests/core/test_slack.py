"""A tick through the slack index finds what a full revaluation finds, and looks at few accounts."""

from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.book import Book
from core.policy import Status
from core.portfolio import Portfolio, PriceSnapshot
from core.slack import SlackIndex, Watch
from tests.core.books import ASSETS, books
from tests.core.samples import POLICY, snapshot

moves = st.sampled_from(
    [Decimal(x) for x in ("1", "1.0000001", "0.999", "1.0013", "0.98", "1.05", "0.5", "3")]
)
ticks = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(ASSETS), moves, max_size=4),
        st.sampled_from([(), (), (), ("SOL",), ("ETH", "USDC")]),
    ),
    min_size=1,
    max_size=6,
)


def after(prices: PriceSnapshot, factors: dict[str, Decimal], stale: tuple) -> PriceSnapshot:
    moved = {a: p.price * factors.get(a, 1) for a, p in prices.points.items()}
    return snapshot(moved, unusable=dict.fromkeys((*prices.unusable, *stale), "stale"))


@settings(max_examples=150, deadline=None)
@given(books(), ticks, st.sampled_from([1, 3, 1024]))
def test_every_tick_changes_the_statuses_that_a_full_revaluation_changes(
    case: tuple, steps: list, least: int
) -> None:
    portfolios, prices, policy = case
    book = Book.from_portfolios(portfolios, policy)
    before = book.revalue(prices)
    watch = Watch.of(book, prices)
    index = SlackIndex.of(before, near=0.0, least=least)
    for factors, stale in steps:
        now = after(prices, factors, stale)
        whole = book.revalue(now)
        watch, change = watch.advance(now)
        assert list(change.rows) == list(whole.movers(before))
        assert list(change.before) == list(before.status[change.rows])
        assert list(change.after) == list(whole.status[change.rows])
        assert watch.counts() == whole.counts()
        tick = index.tick(now)
        if tick is not None:
            assert list(tick.rows) == list(whole.movers(index.base))
            assert list(tick.status) == list(whole.status[tick.rows])
        before = whole


def ladder(size: int) -> Book:
    """Accounts whose scores lie a point apart, from 0 up."""
    return Book.from_portfolios(
        [Portfolio.of(f"u{i}", {"ETH": 100 + i}, {"USDC": 100}) for i in range(size)], POLICY
    )


def test_a_small_move_looks_only_at_the_accounts_beside_a_threshold() -> None:
    book = ladder(100)
    index = SlackIndex.of(book.revalue(snapshot({"ETH": 1, "USDC": 1})))
    tick = index.tick(snapshot({"ETH": "0.9999", "USDC": 1}))
    assert tick is not None
    assert tick.candidates == 3
    assert list(tick.rows) == [15, 30, 50]


def test_a_move_of_everything_alike_moves_nobody() -> None:
    index = SlackIndex.of(ladder(100).revalue(snapshot({"ETH": 1, "USDC": 1})))
    tick = index.tick(snapshot({"ETH": "0.5", "USDC": "0.5"}))
    assert tick is not None
    assert tick.candidates == 3  # those on a threshold, which floats cannot tell apart
    assert list(tick.rows) == []


def test_an_index_is_blind_beyond_its_reach_and_to_a_price_that_went_missing() -> None:
    index = SlackIndex.of(ladder(100).revalue(snapshot({"ETH": 1, "USDC": 1})), 0.0, 10)
    assert index.tick(snapshot({"ETH": "0.5", "USDC": 1})) is None
    assert index.tick(snapshot({"USDC": 1})) is None


def test_a_watch_builds_anew_when_its_looks_have_cost_as_much() -> None:
    watch = Watch.of(ladder(100), snapshot({"ETH": 1, "USDC": 1}))
    rebuilt = 0
    for i in range(40):
        watch, _ = watch.advance(snapshot({"ETH": Decimal(100 - i) / 100, "USDC": 1}))
        rebuilt += watch.rebuilt
    assert 1 <= rebuilt <= 20


def test_an_account_without_debt_is_never_a_candidate() -> None:
    book = Book.from_portfolios([Portfolio.of("a", {"ETH": 1}, {})], POLICY)
    watch = Watch.of(book, snapshot({"ETH": 1}))
    watch, change = watch.advance(snapshot({"ETH": "0.9"}))
    assert len(watch.index.rows) == 0
    assert len(change.rows) == 0
    assert watch.counts()[Status.NO_DEBT] == 1
    assert not np.any(change.after)
