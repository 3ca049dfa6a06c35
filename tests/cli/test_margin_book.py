"""What `fusion margin book` answers of many accounts, and of those it could not read."""

from decimal import Decimal
from pathlib import Path

from tests.cli.margin import ANN, ASK, PRICES, answer, run


def test_a_book_is_the_loop_of_its_accounts() -> None:
    accounts = [
        {**ANN, "user_id": f"a-{n}", "collateral": {"ETH": str(n)}, "borrow": {"USDC": "10000"}}
        for n in range(9)
    ]
    request = {"prices": {"ETH": "1500", "USDC": 1}, "accounts": accounts}
    book, loop = answer("book", request), answer("assess", request)
    keys = book["accounts"][0].keys()
    assert book["accounts"] == [{key: row[key] for key in keys} for row in loop["accounts"]]
    assert sum(book["counts"].values()) == book["size"] == 9
    assert book["worst"][0]["user_id"] == "a-0"
    assert sum(bin_["accounts"] for bin_ in book["histogram"]) == 9
    assert "accounts" not in answer("book", request, ["--summary"])


def test_a_book_says_who_moved() -> None:
    request = {**ASK, "previous_prices": {"ETH": 5000, "USDC": 1}}
    assert answer("book", request)["movers"] == [
        {"user_id": "ann", "from": "HEALTHY", "to": "MARGIN_CALL"}
    ]


def test_of_a_book_in_a_file_what_can_be_read_is_answered(tmp_path: Path) -> None:
    file = tmp_path / "book.csv"
    file.write_text("user_id,side,asset,amount\nann,collateral,ETH,1\nbob,owed,ETH,1\n")
    code, answers, faults = run("book", {"prices": PRICES}, arguments=["--positions", str(file)])
    assert (code, answers[0]["size"]) == (2, 1)
    assert (
        faults == answers[0]["faults"] == ["row 3: side: must be collateral or borrow, not 'owed'"]
    )
    code, answers, faults = run("book", {"prices": PRICES}, arguments=["--positions", "none.csv"])
    assert (code, answers, len(faults)) == (2, [], 1)


def test_a_row_that_is_no_object_is_named_and_the_others_are_loaded() -> None:
    row = {"user_id": "a", "side": "collateral", "asset": "ETH", "amount": "1"}
    code, (found,), faults = run("book", {"prices": {"ETH": 1}, "rows": [row, "zz"]})
    assert (code, found["size"], found["faults"]) == (2, 1, faults)
    assert faults == ["row 2: is not an object of user_id, side, asset, amount"]


def test_a_book_says_on_whom_it_rests_and_what_past_falls_would_do() -> None:
    ask = {
        "prices": {"ETH": 100, "USDC": 1},
        "accounts": [
            {"user_id": "ann", "collateral": {"ETH": "1.5"}, "borrow": {"USDC": 100}},
            {"user_id": "bob", "collateral": {"ETH": 1}, "borrow": {"USDC": 50}},
        ],
        "falls": ["0.6", "0.3", "0.1", "0"],
        "confidence": "0.5",
    }
    found = answer("book", ask)
    shares = found["concentration"]["accounts"]
    assert [(one["name"], one["percent_display"]) for one in shares] == [
        ("ann", "60.00"),
        ("bob", "40.00"),
    ]
    risk = found["liquidations_at_risk"]
    assert (risk["rank"], risk["fall"], risk["accounts"]) == (2, Decimal("0.3"), 1)
    assert risk["collateral_usd_display"] == "150.00"
    code, _, faults = run("book", {**ask, "falls": ["x"]})
    assert (code, faults) == (2, ["line 1: falls.0: is not a plain finite number"])
