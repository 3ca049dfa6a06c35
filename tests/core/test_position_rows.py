"""Of rows of positions, what can be read becomes accounts; what cannot is named by its row."""

from decimal import Decimal

from core.position_rows import portfolios_from_rows


def row(user: object, side: object, asset: object, amount: object) -> dict[str, object]:
    return {"user_id": user, "side": side, "asset": asset, "amount": amount}


def test_97_of_100_are_loaded_and_three_named() -> None:
    rows = [row(f"a-{n}", "collateral", "ETH", n + 1) for n in range(100)]
    rows[3]["amount"] = "NaN"
    rows[50]["side"] = "owed"
    rows[99]["asset"] = None
    built = portfolios_from_rows(enumerate(rows, 1))
    assert len(built.portfolios) == 97
    assert [fault.split(": ")[:2] for fault in built.faults] == [
        ["row 4", "amount"],
        ["row 51", "side"],
        ["row 100", "collateral."],
    ]


def test_positions_of_one_account_come_together_and_texts_are_folded() -> None:
    [ann] = portfolios_from_rows(
        [(1, row(" ann ", "Collateral", "eth", " 1.5 ")), (2, row("ann", "borrow", "USDC", 7))]
    ).portfolios
    assert (ann.user_id, ann.collateral, ann.borrow) == (
        "ann",
        {"ETH": Decimal("1.5")},
        {"USDC": 7},
    )


def test_an_account_with_a_bad_row_is_left_out_whole() -> None:
    built = portfolios_from_rows(
        [(1, row("ann", "collateral", "ETH", 1)), (2, row("ann", "borrow", "USDC", True)),
         (3, row("bob", "collateral", "ETH", 1)), (4, row("bob", "collateral", "eth", 1)),
         (5, {}), (6, row("eve", "collateral", "ETH", 1))]
    )  # fmt: skip
    assert [p.user_id for p in built.portfolios] == ["eve"]
    assert [fault.split(":")[0] for fault in built.faults] == ["row 2", "row 4", "row 5"]
