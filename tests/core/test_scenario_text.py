"""A scenario survives its text, and a damaged text is refused."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import FieldError
from core.portfolio import Side
from core.scenario_text import PriceBase, scenario_from_text, scenario_to_text
from core.what_if import (
    AddAmount,
    Delay,
    GroupShock,
    Outage,
    Scenario,
    SetAmount,
    SetCategory,
    SetPrice,
    SetThresholds,
    SetWeight,
    Shock,
    ShockAll,
)
from tests.core.samples import NOON, snapshot

SHORT = Scenario((Shock("ETH", Decimal("-0.2")), SetAmount(Side.BORROW, "USDC", Decimal(2000))))

symbols = st.from_regex(r"[A-Z0-9._-]{1,32}", fullmatch=True)
sets = st.frozensets(symbols, max_size=3)
positive = (
    st.decimals("1e-40", "1e40")
    .map(lambda x: Decimal(x))
    .filter(lambda x: len(x.as_tuple().digits) <= 80)
)
signed = st.one_of(positive, positive.map(lambda x: x.copy_negate()), st.just(Decimal(0)))
fractions = st.decimals("-0.999", "1e10", places=5)
sides = st.sampled_from(Side)
edits = st.one_of(
    st.builds(SetAmount, sides, symbols, positive),
    st.builds(AddAmount, sides, symbols, signed),
    st.builds(SetPrice, symbols, positive),
    st.builds(Shock, symbols, fractions),
    st.builds(ShockAll, fractions, sets),
    st.builds(
        GroupShock,
        st.decimals("-0.3", "0.3", places=3),
        st.dictionaries(symbols, st.decimals(-3, 3, places=2), max_size=3),
    ),
    st.builds(SetCategory, st.none() | st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)),
    st.builds(SetWeight, symbols, st.decimals(0, 1, places=3)),
    st.just(SetThresholds(Decimal(60), Decimal(20), Decimal("-3.5"))),
    st.builds(Outage, sets),
    st.builds(Delay, st.timedeltas(timedelta(0), timedelta(days=3000)), sets),
)
bases = st.none() | st.builds(
    PriceBase,
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.dictionaries(symbols, positive, max_size=3),
)


@settings(deadline=None)
@given(st.lists(edits, max_size=6), bases)
def test_a_text_reads_back_as_the_same_scenario(chosen: list, base: PriceBase | None) -> None:
    scenario = Scenario(tuple(chosen))
    text = scenario_to_text(scenario, base)
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", text)  # nothing that a URL would escape
    assert scenario_from_text(text) == (scenario, base)


def test_it_is_short() -> None:
    assert scenario_to_text(SHORT).startswith("1~sETHx-0.2~bUSDCx2e3~y")
    assert len(scenario_to_text(SHORT)) < 35


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t[1:], lambda t: t.replace("2", "3", 1)]
)
def test_a_damaged_text_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(FieldError, match="damaged"):
        scenario_from_text(change(scenario_to_text(SHORT)))


@pytest.mark.parametrize("text", ["", "~", "1~y", "é", "x" * 30_000])
def test_what_is_no_scenario_is_refused(text: str) -> None:
    with pytest.raises(FieldError, match="damaged"):
        scenario_from_text(text)


def test_it_says_which_prices_moved_since() -> None:
    made = snapshot({"ETH": 100, "BTC": 50, "USDC": 1, "SOL": 10})
    _, base = scenario_from_text(scenario_to_text(SHORT, PriceBase.of(made, made.points)))
    assert base is not None
    assert base.as_of == NOON
    now = snapshot({"ETH": 90, "BTC": 50, "USDC": 1, "SOL": 10}, unusable={"SOL": "stale 3 h"})
    assert [(m.asset, m.was, m.now, m.fraction) for m in base.moved(now)] == [
        ("ETH", 100, 90, Decimal("-0.1")),
        ("SOL", 10, None, None),
    ]
