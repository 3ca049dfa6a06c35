"""What time may do to an account that does nothing: chance, interest, prices not yet seen.

Drift and volatility are those of the logarithm of the collateral ratio C/B, by the year.
"""

from collections.abc import Mapping
from decimal import Decimal, localcontext
from math import erfc, exp, isfinite, log, pi, sqrt

from core.errors import FieldError
from core.exact import CONTEXT, HUNDRED, ONE, ZERO, Number, decimal_of, quotient
from core.margin import Assessment
from core.policy import Policy, Status, coverage
from core.portfolio import Side

_DIGITS = 50
_FAR = 20.0  # deviations from which the tail of the normal is taken from its series


def hit_probability(spot: float, barrier: float, drift: float, vol: float, years: float) -> float:
    """The chance that `spot` touches a `barrier` below it within `years`.

    `ln(spot)` moves with `drift` a year (for a price that grows by r - q: r - q - vol**2/2) and
    volatility `vol`. With b = ln(barrier/spot), by reflection of a Brownian path (Harrison 1985):
    `N((b - m*t)/(s*sqrt(t))) + exp(2*m*b/s**2) * N((b + m*t)/(s*sqrt(t)))`. At or above the spot
    the barrier is touched already: 1. Raises FieldError naming the number that cannot be used.
    """
    for name, value in (("spot", spot), ("barrier", barrier)):
        if not (isfinite(value) and value > 0):
            raise FieldError(name, "must be above zero")
    for name, value in (("vol", vol), ("years", years)):
        if not (isfinite(value) and value >= 0):
            raise FieldError(name, "must be zero or more")
    if not isfinite(drift):
        raise FieldError("drift", "must be a finite number")
    if barrier >= spot:
        return 1.0
    return _touch(log(barrier / spot), drift, vol, years)


def threshold_probability(
    assessment: Assessment, target: Decimal, *, drift: float, vol: float, years: float
) -> float | None:
    """The chance that the score of an account touches `target` percent within `years`.

    `drift` and `vol` are those of ln(C/B), see `ratio_volatility`. None without a score.
    """
    if assessment.score is None:
        return None
    ratio, k = _ratio_and_coverage(assessment, target)
    if ratio <= k:
        return 1.0
    return hit_probability(1.0, float(quotient(k, ratio)), drift, vol, years) if k else 0.0


def ratio_volatility(
    assessment: Assessment, covariance: Mapping[str, Mapping[str, float]]
) -> float | None:
    """The volatility of ln(C/B), from the covariance of the assets' yearly log returns.

    `s**2 = x'Sx`, x the weight of each asset in C minus its weight in B. An asset without a row
    does not move. None without a score or without collateral.
    """
    held, owed = assessment.collateral_usd, assessment.borrow_usd
    if assessment.score is None or not held or not owed:
        return None
    weights: dict[str, float] = {}
    for line in assessment.lines:
        assert line.counted_usd is not None  # there is a score
        total = held if line.side is Side.COLLATERAL else -owed
        part = float(quotient(line.counted_usd, total))
        weights[line.asset] = weights.get(line.asset, 0.0) + part
    variance = sum(
        x * y * covariance.get(a, {}).get(b, 0.0)
        for a, x in weights.items()
        for b, y in weights.items()
    )
    return sqrt(max(0.0, variance))


def years_to_threshold(
    assessment: Assessment, target: Decimal, *, borrow_rate: Number, supply_rate: Number
) -> Decimal | None:
    """When interest alone takes the score to `target` percent: `ln((C/B)/k) / (r_b - r_s)` years.

    Rates are yearly, continuously compounded fractions. From above it falls there, from below it
    recovers; None when it never does, and for an account without a score or without collateral.
    Raises FieldError for a rate that is no number and a target that is not above -100.
    """
    earned, paid = decimal_of(supply_rate, "supply_rate"), decimal_of(borrow_rate, "borrow_rate")
    if decimal_of(target, "target") <= -HUNDRED:
        raise FieldError("target", "must be above -100")
    if assessment.score is None or not assessment.collateral_usd:
        return None
    ratio, k = _ratio_and_coverage(assessment, target)
    with localcontext(CONTEXT) as context:
        speed = paid - earned
        context.prec = _DIGITS
        way = (ratio / k).ln()
        if not way:
            return ZERO
        years = way / speed if speed else -ONE
    return years if years > 0 else None


def flip_band(
    assessment: Assessment, policy: Policy, moves: Mapping[str, Decimal]
) -> tuple[Status, Status]:
    """The worst and the best status for any prices within `moves` of those assessed.

    `moves` are fractions by asset, 0 or more: how far a price may have gone since it was seen, up
    or down, each asset by itself. Equal ends mean that the age of the prices changes nothing.
    An account without a score keeps its status.
    """
    if assessment.score is None:
        return assessment.status, assessment.status
    return (
        _extreme(assessment, policy, moves, best=False),
        _extreme(assessment, policy, moves, best=True),
    )


def move_within(volatility: float, age_s: float, z: float = 3.0) -> Decimal:
    """How far a price may have moved in `age_s` seconds: `z * vol * sqrt(age)`, below 1.

    `volatility` is yearly, of a market that never closes (365 days). Ages below zero, of clocks
    that disagree, count as their size. Raises FieldError for what is no finite number.
    """
    for name, value in (("volatility", volatility), ("age_s", age_s), ("z", z)):
        if not isfinite(value):
            raise FieldError(name, "must be a finite number")
    spread = z * volatility * sqrt(abs(age_s) / (365 * 86400))
    return Decimal(repr(min(spread, 1 - 1e-9)))


def _ratio_and_coverage(assessment: Assessment, target: Decimal) -> tuple[Decimal, Decimal]:
    assert assessment.collateral_usd is not None  # there is a score
    assert assessment.borrow_usd is not None
    return quotient(assessment.collateral_usd, assessment.borrow_usd), coverage(target)


def _touch(b: float, m: float, s: float, t: float) -> float:
    spread = s * sqrt(t)
    if not spread:
        return 1.0 if m * t <= b else 0.0  # no chance in it: the drift gets there or does not
    near, far = (b - m * t) / spread, (b + m * t) / spread
    return min(1.0, _normal(near) + _mirrored(near, far, 2 * (m / s) * (b / s)))


def _normal(x: float) -> float:
    """N(x), to full relative accuracy in its lower tail."""
    return 0.5 * erfc(-x / sqrt(2))


def _mirrored(near: float, far: float, exponent: float) -> float:
    """`exp(exponent) * N(far)`, where `exponent = (far**2 - near**2) / 2`.

    In the tail the exponential overflows while N vanishes, so they are taken together:
    `exp(-near**2/2) * [exp(far**2/2) * N(far)]`, whose bracket is Mills' ratio.
    """
    if far >= 0:
        return exp(min(exponent, 0.0)) * _normal(far)
    return exp(-near * near / 2) * _mills(-far)


def _mills(x: float) -> float:
    """`exp(x*x/2) * N(-x)` for x > 0."""
    if x < _FAR:
        return exp(x * x / 2) * _normal(-x)
    square = 1 / (x * x)
    series = 1 - square * (1 - 3 * square * (1 - 5 * square * (1 - 7 * square * (1 - 9 * square))))
    return series / (x * sqrt(2 * pi))


def _extreme(
    assessment: Assessment, policy: Policy, moves: Mapping[str, Decimal], *, best: bool
) -> Status:
    """The status with every price moved the way that helps (or hurts) most, threshold by threshold.

    An asset on both sides helps the account or hurts it depending on the threshold, so each
    threshold has its own worst prices.
    """
    bands = (Status.HEALTHY, Status.WARNING, Status.MARGIN_CALL)
    with localcontext(CONTEXT):
        for status, threshold in zip(bands, policy.thresholds(), strict=True):
            k = coverage(threshold)
            nets: dict[str, Decimal] = {}
            for line in assessment.lines:
                assert line.counted_usd is not None  # there is a score
                part = line.counted_usd * (ONE if line.side is Side.COLLATERAL else -k)
                nets[line.asset] = nets.get(line.asset, ZERO) + part
            reach = sum((abs(net) * moves.get(a, ZERO) for a, net in nets.items()), ZERO)
            if sum(nets.values(), ZERO) + (reach if best else -reach) >= 0:
                return status
    return Status.LIQUIDATION
