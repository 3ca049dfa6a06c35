"""The book from a file: what can be read is loaded, what cannot is named by its row."""

import os
import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consumers.book_source import load_book, load_positions, write_book
from consumers.errors import BookSourceError
from consumers.settings import POSITIONS, load
from core.portfolio import Portfolio

HEADER = "user_id,side,asset,amount\n"


def test_a_book_comes_back_as_it_was_written(tmp_path: Path) -> None:
    book = [
        Portfolio.of("wren-02", {"BTC": "1.79", "eth": "0.000000000000000001"}, {"USDC": "140710"}),
        Portfolio.of("idle-01", {"BTC": "3"}, {}),
    ]
    write_book(tmp_path / "book.csv", book)
    loaded = load_book(tmp_path / "book.csv")
    assert loaded.portfolios == tuple(book)
    assert loaded.faults == ()


def test_97_of_100_are_loaded_and_the_three_others_named(tmp_path: Path) -> None:
    rows = [f"a-{n:03d},collateral,ETH,1" for n in range(100)]
    rows[4] = "a-004,collateral,ETH,lots"
    rows[50] = "a-050,owed,ETH,1"
    rows[99] = "a b c,collateral,ETH,1"
    (tmp_path / "book.csv").write_text(HEADER + "\n".join(rows))
    loaded = load_book(tmp_path / "book.csv")
    assert len(loaded.portfolios) == 97
    assert [fault.split(":")[:2] for fault in loaded.faults] == [
        ["row 6", " amount"],
        ["row 52", " side"],
        ["row 101", " user_id"],
    ]


def test_an_account_with_one_bad_row_is_left_out_whole(tmp_path: Path) -> None:
    text = HEADER + "ann,collateral,ETH,1\nann,borrow,USDC,NaN\nbob,collateral,ETH,2\n"
    (tmp_path / "book.csv").write_text(text)
    loaded = load_book(tmp_path / "book.csv")
    assert [p.user_id for p in loaded.portfolios] == ["bob"]
    assert loaded.portfolios[0].collateral == {"ETH": Decimal(2)}


def test_a_row_is_named_as_an_editor_counts_and_spaces_do_not_hide_its_account(
    tmp_path: Path,
) -> None:
    text = HEADER + "\n\nann,collateral,ETH,1\n ann ,borrow,USDC,-1\n"
    (tmp_path / "book.csv").write_text(text, encoding="utf-8-sig")
    loaded = load_book(tmp_path / "book.csv")
    assert loaded.portfolios == ()
    assert len(loaded.faults) == 1
    assert loaded.faults[0].startswith("row 5: ")


def test_a_position_given_twice_is_a_fault_and_not_a_sum(tmp_path: Path) -> None:
    (tmp_path / "book.csv").write_text(HEADER + "ann,collateral,ETH,1\nann,collateral,eth,2\n")
    loaded = load_book(tmp_path / "book.csv")
    assert loaded.portfolios == ()
    assert loaded.faults[0].startswith("row 3: asset: ETH appears twice")


@pytest.mark.parametrize(
    ("row", "field"), [("ann,collateral,ETH", "amount"), ("ann", "side"), (",borrow,ETH,1", "user")]
)
def test_a_short_row_is_named(tmp_path: Path, row: str, field: str) -> None:
    (tmp_path / "book.csv").write_text(HEADER + row + "\nbob,collateral,ETH,1,surplus\n")
    loaded = load_book(tmp_path / "book.csv")
    assert [p.user_id for p in loaded.portfolios] == ["bob"]
    assert loaded.faults[0].startswith(f"row 2: {field}")


@pytest.mark.parametrize("text", ["user_id,asset,amount\n", ""])
def test_a_missing_column_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "book.csv").write_text(text)
    with pytest.raises(BookSourceError, match="column"):
        load_book(tmp_path / "book.csv")


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BookSourceError, match="No such file"):
        load_book(tmp_path / "book.csv")


def test_a_file_is_as_of_its_last_change_unless_somebody_knows_better(tmp_path: Path) -> None:
    write_book(tmp_path / "book.csv", [Portfolio.of("ann", {"ETH": 1}, {})])
    os.utime(tmp_path / "book.csv", (1_800_000_000, 1_800_000_000))
    env = {"FUSION_DATA_DIR": str(tmp_path)}
    assert load_positions(load(env)).as_of == datetime.fromtimestamp(1_800_000_000, UTC)
    told = load({**env, "FUSION_BOOK_AS_OF": "2026-11-20T08:00:00Z"})
    assert load_positions(told).as_of == datetime(2026, 11, 20, 8, tzinfo=UTC)


ROWS = {
    "user_id": ["ann", "ann", "bob", "eve"],
    "side": ["collateral", "borrow", "collateral", "owed"],
    "asset": ["ETH", "USDC", "btc", "ETH"],
}


def test_a_parquet_file_keeps_every_digit_and_names_its_bad_rows(tmp_path: Path) -> None:
    amounts = [Decimal(f"{text}.000000000000000001") for text in ("1", "3100", "2", "1")]
    table = pa.table({**ROWS, "amount": pa.array(amounts, pa.decimal128(38, 18))})
    pq.write_table(table, tmp_path / "book.parquet")
    loaded = load_book(tmp_path / "book.parquet")
    assert [p.user_id for p in loaded.portfolios] == ["ann", "bob"]
    assert loaded.portfolios[0].collateral == {"ETH": Decimal("1.000000000000000001")}
    assert loaded.faults == ("row 4: side: must be collateral or borrow, not 'owed'",)


def test_a_parquet_file_of_texts_and_missing_amounts_is_read_row_by_row(tmp_path: Path) -> None:
    table = pa.table({**ROWS, "amount": ["1", "3100", None, "1"]})
    pq.write_table(table, tmp_path / "book.pq")
    loaded = load_book(tmp_path / "book.pq")
    assert [p.user_id for p in loaded.portfolios] == ["ann"]
    assert [fault.split(":")[:2] for fault in loaded.faults] == [
        ["row 3", " amount"],
        ["row 4", " side"],
    ]


def test_what_is_no_parquet_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "book.parquet").write_text(HEADER)
    with pytest.raises(BookSourceError, match=r"book\.parquet"):
        load_book(tmp_path / "book.parquet")
    pq.write_table(pa.table({"user_id": ["ann"]}), tmp_path / "thin.parquet")
    with pytest.raises(BookSourceError, match="column side is missing"):
        load_book(tmp_path / "thin.parquet")


def _database(path: Path) -> str:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE positions (user_id, side, asset, amount TEXT)")
        rows = zip(*ROWS.values(), ("1.000000000000000001", "3100", "-2", "1"), strict=True)
        database.executemany("INSERT INTO positions VALUES (?, ?, ?, ?)", rows)
    database.close()
    return f"sqlite:///{path}"


def test_a_database_is_asked_by_a_query_and_is_as_of_then(tmp_path: Path) -> None:
    url = _database(tmp_path / "risk.db")
    before = datetime.now(UTC)
    loaded = load_positions(load({"FUSION_BOOK_URL": url}))
    assert before <= loaded.as_of <= datetime.now(UTC)
    (ann,) = loaded.portfolios
    assert ann.collateral == {"ETH": Decimal("1.000000000000000001")}
    assert [fault.split(":")[0] for fault in loaded.faults] == ["row 3", "row 4"]
    query = f"{POSITIONS} WHERE user_id = 'bob'"
    few = load_positions(load({"FUSION_BOOK_URL": url, "FUSION_BOOK_QUERY": query}))
    assert [fault.split(":")[0] for fault in few.faults] == ["row 1"]


def test_a_database_that_cannot_be_asked_is_said_without_its_password(tmp_path: Path) -> None:
    _database(tmp_path / "risk.db")
    wrong = {
        "FUSION_BOOK_URL": f"sqlite:///{tmp_path / 'risk.db'}",
        "FUSION_BOOK_QUERY": "SELECT user_id FROM positions",
    }
    with pytest.raises(BookSourceError, match="column side is missing"):
        load_positions(load(wrong))
    with pytest.raises(BookSourceError, match="no such table"):
        load_positions(load(wrong | {"FUSION_BOOK_QUERY": "SELECT * FROM nowhere"}))
    for url in ("postgresql+psycopg://risk:hunter2@127.0.0.1:1/book", "nonsense:hunter2"):
        with pytest.raises(BookSourceError) as caught:
            load_positions(load({"FUSION_BOOK_URL": url}))
        assert "hunter2" not in str(caught.value)
        assert "hunter2" not in str(load({"FUSION_BOOK_URL": url}).public())
