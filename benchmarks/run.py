"""The benches by name."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from benchmarks.book import book
from benchmarks.broker import broker
from benchmarks.consumer import consumer
from benchmarks.grid import grid
from benchmarks.machine import machine
from benchmarks.report import Report, Result
from benchmarks.stress import stress
from benchmarks.tick import tick
from benchmarks.var import var

BENCHES: Mapping[str, Callable[[], Iterator[Result]]] = MappingProxyType(
    {
        "book": book,
        "tick": tick,
        "grid": grid,
        "stress": stress,
        "var": var,
        "consumer": consumer,
        "broker": broker,
    }
)


def run(name: str) -> Report:
    """Measure one bench on this machine; KeyError for a name that is none."""
    bench = BENCHES[name]
    return Report(name, machine(), tuple(bench()))
