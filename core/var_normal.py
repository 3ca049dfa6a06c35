"""Parametric VaR and ES: returns are jointly normal, so a linear book's outcome is normal too."""

from dataclasses import dataclass
from math import exp, pi, sqrt
from statistics import NormalDist

import numpy as np

from core.columns import freeze
from core.errors import FieldError
from core.exact import Number
from core.value_at_risk import (
    Contributions,
    Floats,
    Method,
    Risk,
    Tail,
    confidence_of,
    require_finite,
)


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Mean (assets) and covariance (assets x assets) of one-day returns."""

    mean: Floats
    covariance: Floats

    @classmethod
    def of(cls, returns: Floats) -> "Moments":
        """The sample's, with n - 1 in the denominator; FieldError for fewer than two rows."""
        if len(returns) < 2:
            raise FieldError("returns", "must have at least two rows")
        require_finite(returns.ravel())
        mean = returns.mean(axis=0)
        centred = returns - mean
        covariance = centred.T @ centred / (len(returns) - 1)
        freeze(mean, covariance)
        return cls(mean, covariance)

    def over(self, horizon_days: float) -> "Moments":
        """Of a sum of that many independent days: both grow with time."""
        return Moments(self.mean * horizon_days, self.covariance * horizon_days)

    def of_book(self, exposures: Floats) -> tuple[float, float]:
        """Mean and standard deviation of the book's outcome."""
        variance = float(exposures @ self.covariance @ exposures)
        return float(self.mean @ exposures), sqrt(max(0.0, variance))


def parametric(
    moments: Moments, exposures: Floats, confidence: Number, *, horizon_days: float = 1
) -> Risk:
    """`VaR = z*s - m`, `ES = s*phi(z)/(1-c) - m` with the sample's mean m and deviation s."""
    level = confidence_of(confidence)
    z, density = _quantile(confidence)
    mean, deviation = moments.over(horizon_days).of_book(exposures)
    return Risk(
        z * deviation - mean,
        density * deviation - mean,
        Method.PARAMETRIC,
        level,
        horizon_days,
        source=f"normal returns, sample mean and covariance (n - 1), z = {z:.6f}, ES closed form",
    )


def parametric_contributions(
    moments: Moments, exposures: Floats, confidence: Number, *, horizon_days: float = 1
) -> Contributions:
    """Euler's: exposure times the derivative of the risk by exposure."""
    z, density = _quantile(confidence)
    return spread(moments.over(horizon_days), exposures, z, density)


def spread(moments: Moments, exposures: Floats, z: float, density: float) -> Contributions:
    """Parts of `z*s - m` and `density*s - m` by asset."""
    _, deviation = moments.of_book(exposures)
    slope = np.zeros_like(exposures)
    if deviation:
        slope = moments.covariance @ exposures / deviation
    return Contributions.of(exposures, z * slope - moments.mean, density * slope - moments.mean)


def _quantile(confidence: Number) -> tuple[float, float]:
    """How many deviations VaR lies below the mean, and ES."""
    level = confidence_of(confidence)
    rest = Tail.of(1, level).fraction
    z = -NormalDist().inv_cdf(rest)  # from the tail: 1 - 1e-20 is not 1 here
    return z, exp(-z * z / 2) / sqrt(2 * pi) / rest
