"""Value at risk and expected shortfall of a linear book: historical, parametric, Monte Carlo.

A book is a vector of exposures: what it holds of each asset in USD, minus what it owes, or weights
for a result in fractions of the whole. Never units: a book of 1 BTC and 10,000 USDC is not 10,001
of anything. Risks are losses, positive when money is lost, and every result names its convention,
since peers disagree on each of them.

VaR is the k-th worst outcome, k = ceil(n*(1-c)) in exact arithmetic (binary floats make 51 of
1000*(1-0.95)). ES is Rockafellar and Uryasev's (2002): VaR + mean((loss - VaR)+) / (1-c), the mean
of the worst fraction 1-c with the VaR outcome counted by the part of it that belongs there.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from math import ceil, isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from core.errors import FieldError
from core.exact import CONTEXT, ONE, Number, decimal_of, plain

Floats = NDArray[np.float64]


class Method(StrEnum):
    """Where the distribution of outcomes comes from."""

    HISTORICAL = "historical"
    PARAMETRIC = "parametric"
    MONTE_CARLO = "monte_carlo"


@dataclass(frozen=True, slots=True)
class Tail:
    """The worst outcomes of `count`: `rank` of them, worth `size = count*(1-c)` outcomes."""

    count: int
    rank: int
    size: float
    fraction: float

    @classmethod
    def of(cls, count: int, confidence: Decimal) -> "Tail":
        """The tail of `count` outcomes beyond `confidence`; FieldError without an outcome."""
        if count < 1:
            raise FieldError("returns", "must have at least one row")
        return _tail(count, confidence)


@dataclass(frozen=True, slots=True)
class Risk:
    """VaR and ES as losses, in the unit of the exposures; negative where even that tail gains.

    `tail` is where a sample of outcomes was cut, None for a closed form; `source` says in words
    what is particular to the method. `horizon_days` scaled one period's figures, `window_days` is
    the length of the periods themselves.
    """

    var: float
    es: float
    method: Method
    confidence: Decimal
    horizon_days: float
    tail: Tail | None = None
    source: str = ""
    window_days: int = 1

    @property
    def convention(self) -> str:
        """What was computed, in words."""
        parts = [f"{self.method} at {plain(self.confidence)}", self.source]
        if self.tail is not None:
            parts += [
                f"VaR is outcome {self.tail.rank} of {self.tail.count} from the worst "
                "(k = ceil(n*(1-c)), exact)",
                f"ES is Rockafellar-Uryasev over the worst {self.tail.size:g}",
            ]
        parts += [_horizon_note(self.horizon_days, self.window_days), "losses are positive"]
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """By asset, what each adds to the whole: `var` and `es` add up to those of `Risk`.

    They are exposure times `var_rate` or `es_rate`, the loss per unit of exposure in the tail; an
    account's own exposures times the rates are that account's part of the book's risk.
    """

    var: Floats
    es: Floats
    var_rate: Floats
    es_rate: Floats

    @classmethod
    def of(cls, exposures: Floats, var_rate: Floats, es_rate: Floats) -> "Contributions":
        """From the loss per unit of exposure."""
        return cls(exposures * var_rate, exposures * es_rate, var_rate, es_rate)


def confidence_of(value: Number) -> Decimal:
    """A confidence between 0 and 1, exactly as written (0.95, not a percentage)."""
    if type(value) is Decimal and value.is_finite():
        return _known_level(value)
    return _level(value)


def _level(value: Number) -> Decimal:
    confidence = decimal_of(value, "confidence")
    if not 0 < confidence < ONE:
        raise FieldError("confidence", "must be between 0 and 1, such as 0.99")
    return confidence


_known_level = lru_cache(maxsize=64)(_level)  # the same few are asked for again and again


def historical(
    returns: Floats,
    exposures: Floats,
    confidence: Number,
    *,
    horizon_days: float = 1,
    window_days: int = 1,
) -> Risk:
    """The risk over past returns (periods x assets), each period as likely as any other.

    A horizon other than 1 scales by the square root of time, an approximation that the convention
    names; `realised` gives returns over windows of several days, which need none: say how long in
    `window_days`. Raises FieldError for a return that is no finite number.
    """
    return of_outcomes(
        returns.dot(exposures), confidence, horizon_days=horizon_days, window_days=window_days
    )


def of_outcomes(
    outcomes: Floats, confidence: Number, *, horizon_days: float = 1, window_days: int = 1
) -> Risk:
    """The risk of a list of gains (positive) and losses (negative)."""
    level = confidence_of(confidence)
    tail = Tail.of(len(outcomes), level)
    require_finite(outcomes)
    var, es = _tail_risk(outcomes, tail)
    scale = sqrt(horizon_days)
    method = Method.HISTORICAL
    return Risk(var * scale, es * scale, method, level, horizon_days, tail, window_days=window_days)


def historical_contributions(
    returns: Floats, exposures: Floats, confidence: Number, *, horizon_days: float = 1
) -> Contributions:
    """What each asset adds: its own loss in the VaR outcome, and its mean loss in the tail.

    Where several outcomes tie at VaR each counts the same, so the order of rows means nothing.
    """
    outcomes = returns.dot(exposures)
    tail = Tail.of(len(outcomes), confidence_of(confidence))
    require_finite(outcomes)
    at = np.partition(outcomes, tail.rank - 1)[tail.rank - 1]
    beyond, tied = outcomes < at, outcomes == at
    var_rate = -returns[tied].mean(axis=0)
    within = tail.size - np.count_nonzero(beyond)
    es_rate = (within * var_rate - returns[beyond].sum(axis=0)) / tail.size
    scale = sqrt(horizon_days)
    return Contributions.of(exposures, scale * var_rate, scale * es_rate)


def realised(prices: Floats, horizon_days: int = 1) -> Floats:
    """Simple returns over every window of `horizon_days` rows of prices, overlapping, oldest first.

    Raises FieldError for too few rows, and for a price that is not finite and above zero.
    """
    if horizon_days < 1:
        raise FieldError("horizon_days", "must be 1 or more")
    if len(prices) <= horizon_days:
        raise FieldError("prices", f"must have more than {horizon_days} rows for this horizon")
    if not (np.isfinite(prices).all() and (prices > 0).all()):
        raise FieldError("prices", "must be finite and above zero")
    moves: Floats = prices[horizon_days:] / prices[:-horizon_days] - 1.0
    return moves


def require_finite(outcomes: Floats) -> None:
    """FieldError where a return was NaN or infinite: such an outcome has no rank."""
    # A sum of squares is finite only if all are, and far cheaper than asking each of them.
    if not isfinite(outcomes.dot(outcomes)) and not np.isfinite(outcomes).all():
        raise FieldError("returns", "must be finite numbers")


@lru_cache(maxsize=64)  # exact arithmetic costs more than ranking a thousand outcomes does
def _tail(count: int, confidence: Decimal) -> Tail:
    fraction = CONTEXT.subtract(ONE, confidence)
    size = CONTEXT.multiply(Decimal(count), fraction)
    return Tail(count, ceil(size), float(size), float(fraction))


def _tail_risk(outcomes: Floats, tail: Tail) -> tuple[float, float]:
    ordered = outcomes.copy()
    ordered.partition(tail.rank - 1)
    at = float(ordered[tail.rank - 1])
    worse = float(np.add.reduce(ordered[: tail.rank - 1]))
    return -at, -(worse + (tail.size - (tail.rank - 1)) * at) / tail.size


def _horizon_note(horizon_days: float, window_days: int) -> str:
    if window_days > 1:
        return f"realised over {window_days} periods, windows overlap"
    if horizon_days == 1:
        return "one period"
    return f"{horizon_days:g} periods by the square root of time, an approximation"
