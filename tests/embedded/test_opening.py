"""Nothing starts without a market that can be played and a book that can be judged."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumers.errors import BookSourceError
from consumers.settings import Settings, load
from embedded.opening import open_market, price_source
from embedded.replay import ReplayError
from embedded.sources import ReplaySource, SimulatedSource

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ROWS = "timestamp,asset_symbol,price_usd,source\n" + "".join(
    f"2022-05-05T{h:02}:00:00Z,{asset},{price},x\n"
    for h in (1, 2, 3)
    for asset, price in (("ETH", 2942.99), ("LUNA", 86.03), ("UST", 1))
)


def _settings(tmp_path: Path, **changes: object) -> Settings:
    return load({}, **{"data_dir": tmp_path / "var", "accounts": 40, **changes})


def _replayed(tmp_path: Path, rows: str = ROWS) -> Settings:
    path = tmp_path / "market.csv"
    path.write_text(rows)
    return _settings(tmp_path, replay_file=path)


def test_a_demo_book_is_written_once_and_kept(tmp_path: Path) -> None:
    first = open_market(_settings(tmp_path), NOW)
    again = open_market(_settings(tmp_path, accounts=50), NOW)
    assert len(first.book) == len(again.book) == 40
    assert first.replay is None


def test_a_replays_book_holds_the_files_assets_and_the_file_gets_its_par_prices(
    tmp_path: Path,
) -> None:
    opening = open_market(_replayed(tmp_path), NOW)
    assert {"ETH", "LUNA", "UST", "USDC", "USDT"} <= set(opening.book.assets)
    assert opening.replay is not None
    assert {"USDC", "USDT"} <= set(opening.replay.cadence)


def test_a_bad_row_is_told_before_anything_is_written(tmp_path: Path) -> None:
    settings = _replayed(tmp_path, ROWS + "2022-05-05T04:00:00Z,ETH,abc,x\n")
    with pytest.raises(ReplayError, match="row 10 "):
        open_market(settings, NOW)
    assert not settings.data_dir.exists()


def test_a_book_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BookSourceError):
        open_market(_settings(tmp_path, book_path=tmp_path / "none.csv"), NOW)


def test_a_replay_goes_on_after_the_last_round_that_was_scored(tmp_path: Path) -> None:
    settings = _replayed(tmp_path)
    opening = open_market(settings, NOW)
    scored = '{"round": 1, "market_time": "2022-05-05T01:00:00+00:00", "replay": true}'
    source = price_source(settings, opening, published="3", scored=scored, resume=True)
    assert isinstance(source, ReplaySource)
    assert [one.number for one in source.rounds()] == [2, 3]


def test_without_a_replay_the_market_is_simulated(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    opening = open_market(settings, NOW)
    source = price_source(settings, opening, published=None, scored=None, resume=False)
    assert isinstance(source, SimulatedSource)
