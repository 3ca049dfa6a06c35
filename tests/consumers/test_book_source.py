"""The book from a file: what can be read is loaded, what cannot is named by its row."""

from decimal import Decimal
from pathlib import Path

import pytest

from consumers.book_source import load_book, write_book
from consumers.errors import BookSourceError
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


@pytest.mark.parametrize("text", ["user_id,asset,amount\n", ""])
def test_a_missing_column_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "book.csv").write_text(text)
    with pytest.raises(BookSourceError, match="column"):
        load_book(tmp_path / "book.csv")


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BookSourceError, match="No such file"):
        load_book(tmp_path / "book.csv")
