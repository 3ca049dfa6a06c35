"""Why this score: each position with its price and tick, C, B, and the formula in numbers."""

from consumers.picture import Picture
from core.margin import Assessment, Line
from core.portfolio import Side
from dashboard import cells
from dashboard.cells import Board, Cell, Column, Row
from dashboard.format import DASH, MINUS, amount, ceiled, clock, floored, tone, toward_zero

COLUMNS = (
    Column("Collateral"),
    Column("Amount", "r"),
    Column("Price, USD", "r"),
    Column("Tick", "r"),
    Column("Age", "r t2"),
    Column("Weight", "r t2"),
    Column("Value, USD", "r"),
)


def board(picture: Picture, found: Assessment) -> Board:
    """The ledger of one assessment; recomputing from what it shows gives what it shows."""
    market = picture.prices.market
    collateral = [line for line in found.lines if line.side is Side.COLLATERAL]
    borrow = [line for line in found.lines if line.side is Side.BORROW]
    rows = [
        *(_line(line) for line in collateral),
        _total("C, weighted collateral", floored(found.collateral_usd, 2)),
        Row([cells.text("Borrow", span=7)], look="head"),
        *(_line(line) for line in borrow),
        _total("B, borrow", ceiled(found.borrow_usd, 2)),
    ]
    return Board(
        title="Why this score",
        sub=f"one price snapshot, {clock(found.as_of)} UTC",
        columns=COLUMNS,
        rows=rows,
        sum=_formula(found),
        foot=_foot(found),
        dense=True,
        alt=f"Positions and score of {found.user_id}",
        now=picture.at,
        market=market.now(picture.at),
        speed=0.0 if market.ended else market.speed,
    )


def _line(line: Line) -> Row:
    value: Cell = None
    if line.counted_usd is not None:
        up = line.side is Side.BORROW
        figure = ceiled(line.counted_usd, 2) if up else floored(line.counted_usd, 2)
        value = cells.text(figure, "m5")
    worth = None if line.price is None else amount(line.price, 12)
    price: Cell = None
    if worth is not None:
        price = cells.text(worth, "t3" if line.reason else "", tip=line.reason or "")
    elif line.reason:
        price = cells.state("DEAD", shown=line.reason)
    return Row(
        [
            cells.text(line.asset, note=line.reason or ""),
            amount(line.amount),
            price,
            cells.mono(line.tick_id or DASH, "t3"),
            cells.age(line.as_of, market=True),
            floored(line.weight, 2),
            value,
        ]
    )


def _total(words: str, value: str) -> Row:
    return Row([cells.text(words, span=6), value], look="tot")


def _formula(found: Assessment) -> list[Cell]:
    if found.score is None or found.collateral_usd is None or found.borrow_usd is None:
        reasons = [f"{asset} {why}" for asset, why in sorted(found.reasons.items())]
        words = "; ".join(reasons) if reasons else "nothing borrowed, so there is no score"
        return [cells.text(words, "t2"), cells.state(found.status.value)]
    c, b = floored(found.collateral_usd, 2), ceiled(found.borrow_usd, 2)
    return [
        cells.text(f"100 × (C {MINUS} B) / B", "t2"),
        cells.text(f"100 × ({c} {MINUS} {b}) / {b}"),
        cells.text(f"= {floored(found.score, 2)} %", tone=tone(found.status.value)),
    ]


def _foot(found: Assessment) -> list[Cell]:
    if found.score is None:
        return [f"policy {found.policy_version}", f"snapshot {found.snapshot_id}"]
    return [
        f"Shown toward the worse side: {toward_zero(found.score, 6)}",
        f"health factor {toward_zero(found.health_factor, 4)}",
        f"policy {found.policy_version}",
        cells.mono(f"snapshot {found.snapshot_id}"[:60]),
    ]
