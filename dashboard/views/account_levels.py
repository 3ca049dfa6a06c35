"""What brings an account back over a threshold, and where the price of each asset tips it."""

from collections.abc import Sequence
from decimal import Decimal

from consumers.picture import Picture
from core import levels
from core.exact import plain
from core.levels import CureKind, Direction, Trigger
from core.margin import Assessment, at_or_above
from core.policy import Policy, Status
from core.portfolio import Portfolio
from dashboard import cells
from dashboard.cells import Board, Cell, Column, Row
from dashboard.format import amount, ceiled, percent, price, price_at, step_of

WORDS = {
    CureKind.ADD: "Add {asset} as collateral",
    CureKind.REPAY: "Repay {asset} from outside",
    CureKind.SELL: "Sell own {asset}, repay with it",
}


def targets(found: Assessment, policy: Policy) -> tuple[Decimal, ...]:
    """The thresholds the account is below, nearest first."""
    c, b = found.collateral_usd, found.borrow_usd
    if found.score is None or c is None or b is None:
        return ()
    return tuple(t for t in reversed(policy.thresholds()) if not at_or_above(c, b, t))


def cures(
    picture: Picture,
    portfolio: Portfolio,
    found: Assessment,
    policy: Policy,
    target: Decimal | None,
) -> Board:
    """Every single way back to `target` percent; each alone is enough."""
    scores = picture.scores
    rows: list[Row] = []
    if target is not None and scores is not None:
        prices = scores.valuation.prices
        steps = {a: step_of(p.price) for a, p in prices.points.items() if p.price > 0}
        offered = levels.cures(
            portfolio, prices, policy, target, add_with=portfolio.borrow, steps=steps
        )
        rows = [_cure(cure, policy) for cure in offered]
    say = None
    if target is None:
        unknown = found.status is Status.UNKNOWN
        say = cells.Say("No cure is named." if unknown else "Nothing to cure.", (_why_not(found),))
    elif not rows:
        say = cells.Say("No single move is enough.", ("Its positions do not reach that far.",))
    return Board(
        columns=(
            Column("One of these is enough"),
            Column("Amount", "r"),
            Column("Worth, USD", "r t2"),
            Column("Lands on", "r"),
        ),
        rows=rows,
        say=say,
        bare=True,
        dense=True,
        alt="Ways back over the threshold",
        now=picture.at,
    )


def _cure(cure: levels.Cure, policy: Policy) -> Row:
    band = _band_at(cure.target, policy)
    return Row(
        [
            WORDS[cure.kind].format(asset=cure.asset),
            cells.text(f"{amount(cure.amount)} {cure.asset}", "m5"),
            ceiled(cure.usd, 0),
            cells.state(band.value, shown=f"{plain(cure.target)} % or more"),
        ]
    )


def _band_at(bound: Decimal, policy: Policy) -> Status:
    """The band that begins at a threshold."""
    for status in (Status.HEALTHY, Status.WARNING, Status.MARGIN_CALL):
        if policy.lower_bound(status) == bound:
            return status
    return Status.UNKNOWN


def _why_not(found: Assessment) -> str:
    if found.status is Status.UNKNOWN:
        return "It is not scored: a cure computed on an old price would mislead."
    return "It is at or above every threshold." if found.score is not None else "Nothing is owed."


def triggers(picture: Picture, found: Assessment) -> Board:
    """For each asset and threshold the price at which the account crosses it, the others held."""
    policy = found_policy(picture)
    bounds = tuple(reversed(policy.thresholds()))
    columns = [Column("Others held"), Column("Now", "r")]
    for bound in bounds:
        below = _band_below(bound, policy) if _is_above(found, bound) else _band_at(bound, policy)
        columns.append(Column(cells.state(below.value, shown=f"{plain(bound)} %"), "r"))
    by = {(t.asset, t.target): t for t in levels.triggers(found, bounds)}
    rows = [_trigger_row(found, asset, bounds, by) for asset in _assets(found)]
    if found.score is not None:
        rows.append(_uniform(found, bounds))
    say = None
    if found.score is None:
        say = cells.Say("No trigger price.", (_why_not(found),))
    return Board(
        title="Trigger prices",
        sub="USD; the shape is the band it would then be in",
        columns=columns,
        rows=rows if found.score is not None else [],
        say=say,
        dense=True,
        alt="Trigger prices per asset and threshold",
        now=picture.at,
    )


def found_policy(picture: Picture) -> Policy:
    """The policy the scores were made by."""
    assert picture.scores is not None  # an assessment rests on scores
    return picture.scores.policy


def _assets(found: Assessment) -> list[str]:
    return list(dict.fromkeys(line.asset for line in found.lines))


def _trigger_row(
    found: Assessment,
    asset: str,
    bounds: Sequence[Decimal],
    by: dict[tuple[str, Decimal], Trigger],
) -> Row:
    held = [line for line in found.lines if line.asset == asset]
    now = held[0].price
    sides = " and ".join(line.side.value for line in held)
    shown: list[Cell] = [cells.text(asset, note=sides), None if now is None else price(now)]
    for bound in bounds:
        trigger = by.get((asset, bound))
        shown.append(None if trigger is None else _trigger(trigger, now))
    return Row(shown)


def _trigger(trigger: Trigger, now: Decimal | None) -> Cell:
    if trigger.direction is Direction.NEVER:
        return cells.text("never", "t3", tip="no price of this asset alone takes it there")
    if trigger.direction is Direction.ALWAYS_BELOW:
        return cells.text("not by it", "t3", tip="no price of this asset alone brings it back")
    assert trigger.price is not None  # the other two directions alone have none
    shown = price_at(trigger.price, up=trigger.direction is not Direction.RISES_TO)
    move = percent((trigger.price / now - 1) * 100, 1) if now else ""
    return cells.text(shown, note=move, tip=trigger.direction.value.replace("_", " "))


def _uniform(found: Assessment, bounds: Sequence[Decimal]) -> Row:
    shown: list[Cell] = ["All collateral", cells.text("now", "t3")]
    for bound in bounds:
        drop = levels.uniform_drop(found, bound)
        shown.append(None if drop is None else percent(-drop * 100))
    return Row(shown)


def _is_above(found: Assessment, bound: Decimal) -> bool:
    c, b = found.collateral_usd, found.borrow_usd
    return c is not None and b is not None and at_or_above(c, b, bound)


def _band_below(bound: Decimal, policy: Policy) -> Status:
    order = (Status.LIQUIDATION, Status.MARGIN_CALL, Status.WARNING, Status.HEALTHY)
    return order[order.index(_band_at(bound, policy)) - 1]
