"""Words and figures: true minus, unknown is a dash, rounding to the safe side."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.policy import Status
from core.staleness import Freshness
from dashboard import format as words

NOON = datetime(2026, 11, 23, 12, 0, 5, 104_999, tzinfo=UTC)


def test_a_fall_is_written_with_a_true_minus_and_no_colour_word() -> None:
    assert words.change(98.39, 100.0) == "\u22121.61 %"
    assert words.change(100.92, 100.0) == "+0.92 %"
    assert words.change(100.0, 100.0) == "0.00 %"


@pytest.mark.parametrize(("now", "before"), [(None, 1.0), (1.0, None), (1.0, 0.0)])
def test_a_change_from_an_unknown_price_is_a_dash_and_never_zero(
    now: float | None, before: float | None
) -> None:
    assert words.change(now, before) == words.DASH


def test_an_amount_keeps_all_its_decimals_and_at_least_two() -> None:
    assert words.amount(Decimal("412.5")) == "412.50"
    assert words.amount(Decimal("1670000")) == "1,670,000.00"
    assert words.amount(Decimal("0.12345678")) == "0.12345678"
    assert words.amount(Decimal(0)) == "0.00"
    assert words.amount(None) == words.DASH


def test_a_trigger_price_is_rounded_to_the_side_it_is_told_to() -> None:
    assert words.price_at(Decimal("2819.6111"), up=True) == "2,819.62"
    assert words.price_at(Decimal("2819.6199"), up=False) == "2,819.61"
    assert words.price_at(Decimal("0.953301"), up=True) == "0.9534"


@pytest.mark.parametrize(
    ("price", "step"), [("97412", "0.00001"), ("3348.2", "0.0001"), ("1", "0.01"), ("0.1", "0.01")]
)
def test_the_step_of_an_asset_is_worth_about_a_dollar_at_most(price: str, step: str) -> None:
    assert words.step_of(Decimal(price)) == Decimal(step)


def test_a_figure_behind_a_floored_score_is_cut_not_rounded() -> None:
    assert words.toward_zero(Decimal("27.1764309"), 6) == "27.176430"
    assert words.toward_zero(Decimal("-5.449"), 2) == "\u22125.44"
    assert words.toward_zero(None, 2) == words.DASH


def test_times_are_utc_with_the_date_where_it_is_not_today() -> None:
    assert words.clock(NOON) == "12:00:05"
    assert words.clock_ms(NOON) == "12:00:05.104"
    assert words.clock(None) == words.DASH
    assert words.moment(NOON, NOON) == "12:00:05"
    assert words.moment(NOON - timedelta(days=1), NOON) == "22 Nov 12:00:05"
    assert words.moment(datetime(2022, 5, 10, 14, tzinfo=UTC), NOON) == "10 May 2022 14:00:00"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(minutes=15), "15 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(minutes=2, seconds=30), "2 min 30 s"),
        (timedelta(days=1), "1 d"),
        (timedelta(days=10), "10 d"),
    ],
)
def test_a_span_leaves_out_what_is_zero(length: timedelta, text: str) -> None:
    assert words.span(length) == text


def test_every_status_and_freshness_has_a_shape_of_its_own() -> None:
    statuses = [words.status_word(status) for status in Status]
    freshness = [words.freshness_word(state) for state in Freshness]
    assert len({word[0] for word in statuses}) == len(Status)
    assert len({word[0] for word in freshness}) == len(Freshness)
    assert words.status_word(Status.MARGIN_CALL) == "◆ MARGIN_CALL"


def test_only_what_must_be_acted_on_is_red() -> None:
    red = {s for s in (*Status, *Freshness, "STOP", "LOST", "STALL") if words.tone(s) == "liq"}
    assert red == {"LIQUIDATION", "DEAD", "STOP", "LOST"}
