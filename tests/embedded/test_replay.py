"""A replay file is read whole or refused whole, and becomes rounds with their own cadence."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from consumers.wire import PriceTick, decode_price, encode_price
from embedded.replay import PAR_SOURCE, ReplayError, read_replay
from tests.support import shared

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HEADER = "timestamp,asset_symbol,price_usd,source\n"
GOOD = "2022-05-05T01:00:00Z,ETH,2942.99,x\n"


def _write(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "market.csv"
    path.write_text(header + "".join(rows))
    return path


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2022-05-05T02:00:00Z,ETH,abc,x\n", "price_usd 'abc' is not a number"),
        ("2022-05-05T02:00:00Z,ETH,-1,x\n", "price_usd '-1' is not above zero"),
        ("2022-05-05T02:00:00Z,ETH,0,x\n", "price_usd '0' is not above zero"),
        ("2022-05-05T02:00:00Z,ETH,NaN,x\n", "price_usd 'NaN' is not finite"),
        ("2022-05-05T02:00:00Z,ETH,1e999,x\n", "price_usd '1e999' is out of bounds"),
        ("2022-05-05T02:00:00Z,ETH,,x\n", "price_usd '' is not a number"),
        ("2022-05-05T02:00:00Z,E TH,1,x\n", "asset_symbol 'E TH' is not a symbol"),
        ("2022-05-05T02:00:00Z,,1,x\n", "asset_symbol '' is not a symbol"),
        ("2022-05-05T02:00:00Z,ETH,1,\n", "source '' is not a name"),
        ("2022-05-05 02:00,ETH,1,x\n", "is not RFC 3339"),
        ("2022-05-05T02:00:00,ETH,1,x\n", "is not RFC 3339"),
        ("2022-02-31T02:00:00Z,ETH,1,x\n", "is no moment in time"),
        ("2099-05-05T02:00:00Z,ETH,1,x\n", "is not in the past"),
        ("2022-05-05T02:00:00Z,ETH,1\n", "has 3 columns, the header has 4"),
        ("2022-05-05T01:00:00Z,ETH,5,x\n", "a second price of ETH"),
    ],
)
def test_a_bad_row_is_named_by_number_and_reason(tmp_path: Path, row: str, reason: str) -> None:
    path = _write(tmp_path, GOOD, row)
    with pytest.raises(ReplayError) as error:
        read_replay(path, NOW)
    assert error.value.row == 2
    assert "row 2 (line 3 of the file): " in str(error.value)
    assert reason in error.value.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the header lacks the column timestamp"),
        ("timestamp,asset_symbol,price_usd\n", "the header lacks the column source"),
        (HEADER, "no prices in the file"),
    ],
)
def test_a_file_without_columns_or_prices_is_refused(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = _write(tmp_path, header=text)
    with pytest.raises(ReplayError, match=reason):
        read_replay(path, NOW)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="cannot be read: No such file"):
        read_replay(tmp_path / "none.csv", NOW)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReplayError, match="not UTF-8"):
        read_replay(tmp_path / "binary.csv", NOW)


def test_rows_in_any_order_become_rounds_in_order_of_time(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        "2022-05-05T03:00:00Z,eth,3,x\n",
        "\n",
        "2022-05-05T01:00:00Z,BTC,10,x\n",
        "2022-05-05T03:00:00+02:00,ETH,1,x\n",
    )
    replay = read_replay(path, NOW)
    assert [one.at.hour for one in replay.rounds] == [1, 3]
    assert [(p.asset, p.price) for p in replay.rounds[0].prices] == [
        ("BTC", Decimal(10)),
        ("ETH", Decimal(1)),
    ]
    assert replay.rows == 3


def test_each_asset_has_its_own_cadence_the_median_of_its_intervals(tmp_path: Path) -> None:
    minutes = [f"2022-05-05T01:{m:02}:00Z,BTC,{m + 1},x\n" for m in (0, 1, 2, 3, 30, 31)]
    hours = [f"2022-05-05T{h:02}:00:00Z,ETH,{h},x\n" for h in (1, 2, 3)]
    cadence = read_replay(_write(tmp_path, *minutes, *hours), NOW).cadence
    assert cadence == {"BTC": timedelta(minutes=1), "ETH": timedelta(hours=1)}


def test_what_is_held_and_not_priced_is_at_par_with_every_timestamp(tmp_path: Path) -> None:
    path = _write(tmp_path, GOOD, "2022-05-05T02:00:00Z,USDC,0.99,x\n")
    replay = read_replay(path, NOW).with_par({"USDC", "USDT", "ETH"})
    par = [p for one in replay.rounds for p in one.prices if p.source == PAR_SOURCE]
    assert [(p.asset, p.price, p.from_file) for p in par] == [("USDT", Decimal(1), False)] * 2
    assert replay.cadence["USDT"] == timedelta(hours=1)
    assert replay.rows == 2


def test_nothing_is_added_that_the_book_does_not_hold(tmp_path: Path) -> None:
    replay = read_replay(_write(tmp_path, GOOD), NOW)
    assert replay.with_par({"ETH"}) is replay


@pytest.mark.parametrize(
    ("name", "rows", "rounds", "cadences"),
    [
        ("2022-05-luna-hourly.csv", 3026, 240, {"LUNA": 3600, "ETH": 3600}),
        ("2022-11-ftx-hourly.csv", 2640, 240, {"FTT": 3600}),
        ("2023-03-usdc-depeg-minute.csv", 7720, 4321, {"BTC": 60, "USDC": 60, "ETH": 3600}),
    ],
)
def test_real_markets_are_read_and_survive_the_wire(
    name: str, rows: int, rounds: int, cadences: dict[str, int]
) -> None:
    replay = read_replay(shared(f"market/{name}"), NOW)
    assert (replay.rows, len(replay.rounds)) == (rows, rounds)
    for asset, seconds in cadences.items():
        assert replay.cadence[asset] == timedelta(seconds=seconds)
    for one in (replay.rounds[0], replay.rounds[-1]):
        for price in one.prices:
            metadata = {"replayed_from": one.at.isoformat()}
            tick = PriceTick(price.asset, price.price, price.source, NOW, False, metadata, ())
            encoded = encode_price(tick)
            back = decode_price(encoded.data, encoded.attributes, NOW)
            assert isinstance(back, PriceTick)
            assert (back.price, back.replayed_from) == (price.price, one.at)
