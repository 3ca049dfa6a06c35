"""Samples of all gauges, taken at every full minute of the wall clock and kept for an hour.

As in the cloud, so that an interval of the past has points. A subject costs at most 60 times 8
bytes a series and for the time: 15 kB a subscription.
"""

from array import array
from collections.abc import Callable, Iterator
from typing import Any

from consumers.clock import Clock
from embedded.broker.catalogue import RESOURCES
from embedded.broker.metrics import NO_FIGURE, SAMPLING_S
from embedded.broker.policy import Alarm
from embedded.broker.registry import Registry
from embedded.broker.tally import KEPT_S

_LATE_S = 5.0  # a sample taken later than that is not of its minute: a gap is more honest
_MOST = round(KEPT_S / SAMPLING_S)

Read = Callable[[Any, float], int]


class _History:
    """The samples of one subject: times, and values by what reads them."""

    def __init__(self) -> None:
        self.times = array("d")
        self.columns: dict[Read, array[int]] = {}

    def take(self, subject: Any, reads: tuple[Read, ...], at: float) -> None:
        """One sample of all."""
        self.times.append(at)
        del self.times[:-_MOST]
        for read in reads:
            column = self.columns.setdefault(read, array("q"))
            column.append(read(subject, at))
            del column[:-_MOST]


class Sampler:
    """Takes the samples; knows none of what is deleted."""

    def __init__(self, registry: Registry, *, clock: Clock, alarm: Alarm) -> None:
        self._registry = registry
        self._clock = clock
        self._alarm = alarm
        self._histories: dict[Any, _History] = {}
        self._due = 0.0
        self._reads = {
            resource.type: tuple({g.read: None for m in resource.metrics for g in m.gauges})
            for resource in RESOURCES
        }

    def start(self) -> None:
        """Sample from now on."""
        now = self._clock.now().timestamp()
        self._due = (now // SAMPLING_S + 1) * SAMPLING_S
        self._alarm(self._clock.monotonic() + self._due - now, self._ring)

    def of(self, subject: Any, read: Read) -> Iterator[tuple[float, int]]:
        """Time (POSIX seconds) and value of each sample there is, newest first."""
        history = self._histories.get(subject)
        if history is not None:
            values = zip(reversed(history.times), reversed(history.columns[read]), strict=True)
            yield from (each for each in values if each[1] != NO_FIGURE)

    def _ring(self) -> None:
        late = self._clock.now().timestamp() - self._due
        if 0 <= late <= _LATE_S:
            self._sample(self._due)
        self.start()

    def _sample(self, at: float) -> None:
        histories: dict[Any, _History] = {}
        for resource in RESOURCES:
            for subject in resource.every(self._registry):
                history = self._histories.get(subject) or _History()
                history.take(subject, self._reads[resource.type], at)
                histories[subject] = history
        self._histories = histories
