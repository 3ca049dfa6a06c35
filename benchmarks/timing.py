"""The least wall time of a call, over many repeats: what others do on the machine only adds."""

from collections.abc import Callable, Mapping
from time import perf_counter

MOST = 2_000


def least(call: Callable[[], object], seconds: float = 1.0, fewest: int = 3) -> float:
    """Seconds of the fastest of at least `fewest` calls, repeated for `seconds`."""
    best, spent, count = float("inf"), 0.0, 0
    while count < fewest or (spent < seconds and count < MOST):
        begin = perf_counter()
        call()
        took = perf_counter() - begin
        best, spent, count = min(best, took), spent + took, count + 1
    return best


def least_of(calls: Mapping[str, Callable[[], object]], seconds: float = 1.0) -> dict[str, float]:
    """The same for several calls in turn, so that a busy moment of the machine meets them all."""
    rounds = 8
    found = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            found[name] = min(found[name], least(call, seconds / rounds, 2))
    return found
