"""Presets say where their figures come from, and move what they name."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import FieldError
from core.presets import PEGGED, PRESETS, preset
from tests.support import shared

DEPEG = "2023-03-10T12:01", "2023-03-11T07:51"
Prices = dict[str, list[tuple[str, Decimal]]]


def series(path: Path) -> Prices:
    found: Prices = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            price = Decimal(row["price_usd"])
            found.setdefault(row["asset_symbol"], []).append((row["timestamp"], price))
    return found


def last_by(prices: list[tuple[str, Decimal]], instant: str) -> Decimal:
    return [price for at, price in prices if at <= instant][-1]


def test_every_episode_has_a_day_and_every_preset_a_source_and_a_name_of_its_own() -> None:
    assert len({one.name for one in PRESETS}) == len(PRESETS)
    assert all(one.source.endswith(".") and one.title for one in PRESETS)
    assert [one.name for one in PRESETS if one.day is None] == [
        f"down-{percent}" for percent in (5, 10, 20, 30, 50)
    ]


def test_no_shock_takes_a_price_to_zero() -> None:
    assert all(min([one.others, *one.shocks.values()]) > -1 for one in PRESETS)


def test_a_ladder_step_spares_what_is_pegged() -> None:
    shocks = preset("down-20").shocks_for(["ETH", "USDC", "XYZ"])
    assert shocks == {"ETH": Decimal("-0.2"), "USDC": 0, "XYZ": Decimal("-0.2")}


def test_a_depeg_moves_the_pegged_asset_it_names() -> None:
    assert "USDC" in PEGGED
    assert preset("2023-03-usdc-depeg").shock_of("USDC") == Decimal("-0.1254")
    assert preset("2023-03-usdc-depeg").shock_of("USDT") == 0


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(FieldError, match="down-5"):
        preset("tulips")


@pytest.mark.parametrize(
    ("name", "file", "start", "end"),
    [
        ("2022-05-luna", "2022-05-luna-hourly.csv", "2022-05-05T01", "2022-05-12T07"),
        ("2022-11-ftx", "2022-11-ftx-hourly.csv", "2022-11-05T01", "2022-11-09T22"),
        (
            "2023-03-usdc-depeg",
            "2023-03-usdc-depeg-minute.csv",
            "2023-03-10T12:01",
            "2023-03-11T07:51",
        ),
    ],
)
def test_an_episode_is_what_its_source_says_it_was_computed_from(
    name: str, file: str, start: str, end: str
) -> None:
    prices = series(shared(f"market/{file}"))
    for asset, shock in preset(name).shocks.items():
        first, last = (last_by(prices[asset], f"{at}~") for at in (start, end))
        assert round(last / first - 1, 4) == shock, asset


def test_19_may_2021_is_close_over_close() -> None:
    with shared("market/daily-close-2021-2023.csv").open() as file:
        rows = {row["date"]: row for row in csv.DictReader(file)}
    before, after = rows["2021-05-18"], rows["2021-05-19"]
    for asset, shock in preset("2021-05-19").shocks.items():
        assert round(Decimal(after[asset]) / Decimal(before[asset]) - 1, 4) == shock, asset
