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
_COARSE = 1e-6  # float32 is off by less than 1.2e-7, relative
_WIDEST = 1e37


def _coarse(bound: float) -> tuple[np.float32, np.float32]:
    """Edges around a bound in float32; for one that float32 cannot hold, edges that settle nothing:
    every score is above the first, none above the second."""
    if abs(bound) > _WIDEST:
        return np.float32(-np.inf), np.float32(np.nan)
    reach = _COARSE * max(1.0, abs(bound))
    return np.float32(bound - reach), np.float32(bound + reach)


@dataclass(frozen=True, slots=True)
class Bands:
    """A policy's thresholds as floats: ascending, and the edges of the band around each.

    `coarse` are wider edges in float32, for a first look at half the cost.
    """

    exact: tuple[Decimal, ...]
    at: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]
    coarse: tuple[tuple[np.float32, np.float32], ...]

    @classmethod
    def of(cls, policy: Policy) -> "Bands":
        """The thresholds of `policy`, lowest first: code 1 begins at the first."""
        exact = tuple(reversed(policy.thresholds()))
        at = tuple(float(bound) for bound in exact)
        # twice the promised band: the comparison itself is rounded too
        width = [2 * RECHECK * max(1.0, abs(bound)) for bound in at]
        below = tuple(bound - w for bound, w in zip(at, width, strict=True))
        above = tuple(bound + w for bound, w in zip(at, width, strict=True))
        return cls(exact, at, below, above, tuple(map(_coarse, at)))

    def decide(self, collateral: Floats, borrow: Floats, score: Floats, status: Codes) -> Indices:
        """Fill `score` (percent) and `status` (a band's code) from C and B of any one shape.

        All four are contiguous. Returns the flat indices whose status has to be re-decided
        exactly. Where B is zero or either is NaN, both outputs mean nothing and the caller
        overwrites them.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            np.subtract(collateral, borrow, out=score)
            np.divide(score, borrow, out=score)
            np.multiply(score, 100.0, out=score)
        return self.place(score, status)

    def place(self, score: Floats, status: Codes) -> Indices:
        """Fill `status` from `score` (percent); both contiguous. Returns as `decide` does."""
        with np.errstate(over="ignore", invalid="ignore"):
            rough = score.astype(np.float32)
        surely, flags = np.empty(score.shape, np.int8), np.empty(score.shape, np.bool_)
        for edge, codes in ((0, status), (1, surely)):
            for number, edges in enumerate(self.coarse):
                np.greater_equal(rough, edges[edge], out=flags if number else codes.view(np.bool_))
                if number:
                    np.add(codes, flags.view(np.int8), out=codes)
        np.not_equal(status, surely, out=flags)
        if not np.count_nonzero(flags):
            return np.empty(0, np.intp)
        return self._settle_near(np.flatnonzero(flags), score, status)

    def _settle_near(self, near: Indices, score: Floats, status: Codes) -> Indices:
        """Codes by float64 for the few that float32 could not place; those it cannot are left."""
        values = score.reshape(-1)[near]
        code, surely = np.zeros(len(near), np.int8), np.zeros(len(near), np.int8)
        for low, high in zip(self.below, self.above, strict=True):
            code += values >= low
            surely += values >= high
        status.reshape(-1)[near] = code
        unsure: Indices = near[code != surely]
        return unsure

    def settle(self, code: int, score: Decimal) -> float:
        """The float of an exact score, moved by one step if rounding took it out of its band."""
        value = float(score)
        if code > 0:
            value = max(value, self.at[code - 1])
        if code < len(self.at):
            value = min(value, float(np.nextafter(self.at[code], -np.inf)))
        return value
