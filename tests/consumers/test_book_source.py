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
