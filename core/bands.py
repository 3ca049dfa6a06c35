"""From float64 C and B to scores and status codes, and the cells that floats cannot decide.

A float64 score is off by less than 1e-11 points near any threshold of a real account (sums of up
to a thousand non-negative terms), so a score within 1e-9 of a threshold, relative above one, is
the only one whose status could differ from the exact one. Those are named, and re-decided exactly
by the caller: the status is then the exact one everywhere.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from core.policy import Policy, Status

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]
Indices = NDArray[np.intp]

STATUS_ORDER: tuple[Status, ...] = (
    Status.LIQUIDATION,
    Status.MARGIN_CALL,
    Status.WARNING,
    Status.HEALTHY,
    Status.NO_DEBT,
    Status.UNKNOWN,
)
"""What the int8 status codes 0..5 mean; the first four are the bands, worst first."""

CODE = {status: code for code, status in enumerate(STATUS_ORDER)}
RECHECK = 1e-9


@dataclass(frozen=True, slots=True)
class Bands:
    """A policy's thresholds as floats: ascending, and the edges of the band around each."""

    exact: tuple[Decimal, ...]
    at: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]

    @classmethod
    def of(cls, policy: Policy) -> "Bands":
        """The thresholds of `policy`, lowest first: code 1 begins at the first."""
        exact = tuple(reversed(policy.thresholds()))
        at = tuple(float(bound) for bound in exact)
        # twice the promised band: the comparison itself is rounded too
        width = [2 * RECHECK * max(1.0, abs(bound)) for bound in at]
        below = tuple(bound - w for bound, w in zip(at, width, strict=True))
        above = tuple(bound + w for bound, w in zip(at, width, strict=True))
        return cls(exact, at, below, above)

    def decide(self, collateral: Floats, borrow: Floats, score: Floats, status: Codes) -> Indices:
        """Fill `score` (percent) and `status` (a band's code) from C and B of any one shape.

        Returns the flat indices whose status has to be re-decided exactly. Where B is zero or
        either is NaN, both outputs mean nothing and the caller overwrites them.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            np.subtract(collateral, borrow, out=score)
            np.divide(score, borrow, out=score)
            np.multiply(score, 100.0, out=score)
        surely = np.zeros(score.shape, np.int8)
        status[...] = 0
        for low, high in zip(self.below, self.above, strict=True):
            status += score >= low
            surely += score >= high
        return np.flatnonzero(status != surely)

    def settle(self, code: int, score: Decimal) -> float:
        """The float of an exact score, moved by one step if rounding took it out of its band."""
        value = float(score)
        if code > 0:
            value = max(value, self.at[code - 1])
        if code < len(self.at):
            value = min(value, float(np.nextafter(self.at[code], -np.inf)))
        return value
