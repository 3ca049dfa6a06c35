"""What if: edits to an account, the prices, the policy or the plumbing, judged as the live ones.

A scenario never has a formula of its own. Applying it gives another portfolio, another price
snapshot and another policy, and `core.margin.assess` judges them as it judges the real ones;
without edits they are the real ones.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from core.edits import (
    AddAmount,
    Case,
    GroupShock,
    SetAmount,
    SetCategory,
    SetPrice,
    Shock,
    ShockAll,
)
from core.exact import CONTEXT
from core.grid import Grid, grid
from core.margin import Assessment, assess
from core.plumbing import Delay, Outage, judge_ages
from core.policy import Policy
from core.policy_edits import SetThresholds, SetWeight
from core.portfolio import Portfolio, PriceSnapshot, Side

__all__ = (
    "AddAmount",
    "Comparison",
    "Delay",
    "Edit",
    "Grid",
    "GroupShock",
    "LineChange",
    "Outage",
    "Scenario",
    "SetAmount",
    "SetCategory",
    "SetPrice",
    "SetThresholds",
    "SetWeight",
    "Shock",
    "ShockAll",
    "Step",
    "apply",
    "assess_under",
    "compare",
    "grid",
    "policy_under",
    "waterfall",
)

PositionEdit = SetAmount | AddAmount | SetCategory
PriceEdit = SetPrice | Shock | ShockAll | GroupShock
PolicyEdit = SetWeight | SetThresholds
PlumbingEdit = Outage | Delay
Edit = PositionEdit | PriceEdit | PolicyEdit | PlumbingEdit


@dataclass(frozen=True, slots=True)
class Scenario:
    """Edits in the order in which they happen.

    Raises FieldError for an edit that cannot be used, such as `edits.0.fraction`.
    """

    edits: tuple[Edit, ...] = ()

    def __post_init__(self) -> None:
        checked = tuple(edit.checked(f"edits.{i}") for i, edit in enumerate(self.edits))
        object.__setattr__(self, "edits", checked)


@dataclass(frozen=True, slots=True)
class LineChange:
    """One position before and after; None where it was not held or has no usable price."""

    asset: str
    side: Side
    before_usd: Decimal | None
    after_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two assessments of one account, and what lies between them: after minus before.

    A change is None where either side has no such figure. `lines` are in the order of the first
    assessment, then what is new in the second, at counted values.
    """

    before: Assessment
    after: Assessment
    score_change: Decimal | None
    health_factor_change: Decimal | None
    collateral_change_usd: Decimal | None
    borrow_change_usd: Decimal | None
    lines: tuple[LineChange, ...]

    @property
    def status_changed(self) -> bool:
        """Whether the account is in another status."""
        return self.before.status is not self.after.status


@dataclass(frozen=True, slots=True)
class Step:
    """One edit of a scenario, taken after those before it, and what it changed."""

    edit: Edit
    comparison: Comparison


def apply(
    portfolio: Portfolio, prices: PriceSnapshot, scenario: Scenario, policy: Policy | None = None
) -> Case:
    """The account and the prices after every edit; the very same ones when there is none.

    What the scenario does to the policy is in `policy_under`; here `policy` only says how old a
    price may be that a scenario delays. Raises FieldError where an edit takes more than is there.
    """
    case = portfolio, prices
    for edit in scenario.edits:
        case = edit.on(case)
    delays = [edit for edit in scenario.edits if isinstance(edit, Delay)]
    return (case[0], judge_ages(case[1], policy or Policy(), delays)) if delays else case


def policy_under(policy: Policy, scenario: Scenario) -> Policy:
    """The policy after every edit; the very same one when none is about it.

    Raises PolicyError where edits that are sound by themselves do not fit together.
    """
    for edit in scenario.edits:
        if isinstance(edit, SetWeight | SetThresholds):
            policy = edit.on_policy(policy)
    return policy


def assess_under(
    portfolio: Portfolio, prices: PriceSnapshot, policy: Policy, scenario: Scenario
) -> Assessment:
    """The live assessment of the account as the scenario has it."""
    judged = policy_under(policy, scenario)
    return assess(*apply(portfolio, prices, scenario, judged), judged)


def compare(before: Assessment, after: Assessment) -> Comparison:
    """What differs between two assessments."""
    old = {(line.side, line.asset): line.counted_usd for line in before.lines}
    new = {(line.side, line.asset): line.counted_usd for line in after.lines}
    lines = (
        LineChange(asset, side, old.get((side, asset)), new.get((side, asset)))
        for side, asset in dict.fromkeys((*old, *new))
    )
    return Comparison(
        before=before,
        after=after,
        score_change=_change(before.score, after.score),
        health_factor_change=_change(before.health_factor, after.health_factor),
        collateral_change_usd=_change(before.collateral_usd, after.collateral_usd),
        borrow_change_usd=_change(before.borrow_usd, after.borrow_usd),
        lines=tuple(lines),
    )


def waterfall(
    portfolio: Portfolio, prices: PriceSnapshot, policy: Policy, scenario: Scenario
) -> tuple[Step, ...]:
    """What each edit contributes in the stated order; the changes add up to the whole, exactly."""
    steps = []
    before = assess(portfolio, prices, policy)
    for count, edit in enumerate(scenario.edits, 1):
        after = assess_under(portfolio, prices, policy, Scenario(scenario.edits[:count]))
        steps.append(Step(edit, compare(before, after)))
        before = after
    return tuple(steps)


def _change(before: Decimal | None, after: Decimal | None) -> Decimal | None:
    if before is None or after is None:
        return None
    with localcontext(CONTEXT):
        return after - before
