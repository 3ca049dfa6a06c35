"""What a what-if answers: before and after, what moved the score, the map, the whole book."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from core import levels
from core.bands import STATUS_ORDER
from core.edits import AddAmount, SetAmount, SetPrice, Shock, ShockAll
from core.exact import ZERO
from core.grid import Grid, grid
from core.levels import CureKind
from core.margin import Assessment
from core.policy import Policy, Status
from core.portfolio import Portfolio, PriceSnapshot
from core.valuation import Valuation
from core.what_if import Comparison, Edit, Step
from dashboard import cells
from dashboard.cells import Board, Cell, Column, Row
from dashboard.format import (
    DASH,
    amount,
    ceiled,
    clock,
    floored,
    percent,
    plural,
    signed,
    toward_zero,
)
from dashboard.shock_charts import Fall

SIDES = 21
REACH = Decimal("0.4")


def before_and_after(
    found: Comparison,
    cases: tuple[tuple[Portfolio, PriceSnapshot], tuple[Portfolio, PriceSnapshot]],
    policy: Policy,
    base_at: datetime,
    now: datetime,
) -> Board:
    """Both columns by the same assessment; the change in points between them."""
    change = found.score_change
    moved = DASH if change is None else f"{signed(toward(change), 2, plus=True)} pp"
    needs = f"Repay, {policy.warning:f} %"
    return Board(
        title="Before and after",
        sub="the same function scores both",
        columns=(
            Column(None),
            Column(f"Before, {clock(base_at)}", "r"),
            Column("After", "r"),
        ),
        rows=[
            Row([cells.text(f"{moved}", "m5 hyp"), _big(found.before), _big(found.after)]),
            Row(["Status", _pill(found.before), _pill(found.after)]),
            Row(["C, USD", *(floored(a.collateral_usd, 2) for a in (found.before, found.after))]),
            Row(["B, USD", *(ceiled(a.borrow_usd, 2) for a in (found.before, found.after))]),
            Row(
                [
                    needs,
                    _repay(found.before, cases[0], policy),
                    _repay(found.after, cases[1], policy),
                ]
            ),
        ],
        foot=_reasons(found.after),
        dense=True,
        alt="The account before and after",
        now=now,
    )


def toward(change: Decimal) -> Decimal:
    """A change cut to two places."""
    return Decimal(toward_zero(change, 2).replace(",", "").replace("\u2212", "-"))


def _big(found: Assessment) -> Cell:
    return cells.big(floored(found.score, 2), "" if found.score is None else "%")


def _pill(found: Assessment) -> Cell:
    return cells.pill(found.status.value)


def _repay(found: Assessment, case: tuple[Portfolio, PriceSnapshot], policy: Policy) -> Cell:
    """The least repayment from outside that reaches the WARNING band; unknown without a score."""
    if found.status is Status.UNKNOWN:
        return None
    ways = levels.cures(*case, policy, policy.warning)
    worth = [cure.usd for cure in ways if cure.kind is CureKind.REPAY]
    return ceiled(min(worth), 2) if worth else cells.text("none needed" if not ways else DASH, "t3")


def _reasons(found: Assessment) -> list[Cell]:
    return [cells.text(f"{asset}: {why}") for asset, why in sorted(found.reasons.items())]


def falls(steps: Sequence[Step]) -> list[Fall]:
    """Each edit and the points it moved the score by; none where one has no score."""
    found = []
    for step in steps:
        change = step.comparison.score_change
        if change is None:
            return []
        found.append(Fall(named(step.edit), float(change)))
    return found


def named(edit: Edit) -> str:
    """An edit in few words: `ETH −12 %`, `borrow USDC 1,550,000`."""
    match edit:
        case Shock(asset, fraction):
            return f"{asset} {_move(fraction)}"
        case ShockAll(fraction, _):
            return f"all {_move(fraction)}"
        case SetPrice(asset, price):
            return f"{asset} at {amount(price)}"
        case SetAmount(side, asset, units) | AddAmount(side, asset, units):
            return f"{side.value[:6]} {asset}<br>{amount(units, 4)}".replace("<br>", " ")
        case _:
            return str(edit)


def _move(fraction: Decimal) -> str:
    value = fraction * 100
    return percent(value, 0 if value == value.to_integral_value() else 2)


def map_of(
    portfolio: Portfolio,
    base: PriceSnapshot,
    after: PriceSnapshot,
    policy: Policy,
    pair: tuple[str, str],
) -> tuple[Grid, tuple[float, float]]:
    """21 by 21 shocks of two assets on the edited account, the others as in the scenario.

    Also where this scenario stands on it, percent of each asset.
    """
    prices = after
    here = []
    for asset in pair:
        then, now = base.points[asset].price, after.points[asset].price
        here.append(float((now / then - 1) * 100))
        _, prices = SetPrice(asset, then).on((portfolio, prices))
    step = 2 * REACH / (SIDES - 1)
    moves = [step * i - REACH for i in range(SIDES)]
    return grid(portfolio, prices, policy, *pair, moves), (here[0], here[1])


def heaviest(found: Assessment) -> list[str]:
    """The priced assets of an account, greatest value first."""
    worth: dict[str, Decimal] = {}
    for line in found.lines:
        if line.value_usd is not None:
            worth[line.asset] = worth.get(line.asset, ZERO) + line.value_usd
    return sorted(worth, key=lambda asset: -worth[asset])


def book_board(before: Valuation, after: Valuation, now: datetime, most: int = 8) -> Board:
    """Every account under the shocks alone: tiles before and after, and who changes band."""
    old, new = before.counts(), after.counts()
    moved = after.movers(before)
    order = sorted(
        moved.tolist(), key=lambda row: (int(after.status[row]), float_score(after, row))
    )
    shown = [_mover(before, after, row) for row in order[:most]]
    half = (len(shown) + 1) // 2
    pairs = [
        [*shown[i], *(shown[i + half] if i + half < len(shown) else ["", "", ""])]
        for i in range(half)
    ]
    rest = f"; {len(order) - most:,} more" if len(order) > most else ""
    total = f"{len(order):,} of {plural(len(before), 'account')} change band, no edits applied"
    return Board(
        title="The whole book under these shocks",
        sub=total + rest,
        end=[_tile(status, old[status], new[status]) for status in STATUS_ORDER],
        columns=[Column(None), Column(None), Column(None, "r")] * 2,
        rows=[Row(pair) for pair in pairs],
        say=None
        if pairs
        else cells.Say("No account changes band.", ("Every one stays as it is.",)),
        dense=True,
        alt="Accounts that change band",
        now=now,
    )


def float_score(valuation: Valuation, row: int) -> float:
    """The score of a row; those without one come last."""
    value = float(valuation.score[row])
    return value if value == value else float("inf")


def _tile(status: Status, before: int, after: int) -> Cell:
    return cells.sequence(
        cells.state(status.value, shown=f"{before:,}"),
        cells.text("→", "t3"),
        cells.text(f"{after:,}", "b" if before != after else "t2"),
    )


def _mover(before: Valuation, after: Valuation, row: int) -> list[Cell]:
    was, now = (STATUS_ORDER[int(v.status[row])] for v in (before, after))
    score = after.score[row]
    shown = DASH if score != score else f"{floored(Decimal(repr(float(score))), 2)} %"
    return [
        cells.mono(before.book.users[row]),
        cells.sequence(cells.state(was.value), "to", cells.state(now.value)),
        shown,
    ]
